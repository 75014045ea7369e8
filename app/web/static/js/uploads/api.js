// Requests to the archive.

import { request } from "../api.js";

const ARCHIVE = "/api/archive";
export const UPLOADS = `${ARCHIVE}/uploads`;
export const EVENTS = `${ARCHIVE}/events`;
const at = (id, rest = "") => `${ARCHIVE}/transcripts/${encodeURIComponent(id)}${rest}`;

/** Transcripts, newest first, those made before `before`; with `before` of the next ones, or null. */
export const listTranscripts = (limit, before) =>
  request("GET", `${ARCHIVE}/transcripts?limit=${limit}${before ? `&before=${encodeURIComponent(before)}` : ""}`);

/** A text that was written down here becomes a transcript. */
export const keepText = (wish) => request("POST", `${ARCHIVE}/transcripts/text`, wish);

export const readTranscript = (id) => request("GET", at(id));
export const changeTranscript = (id, changes) => request("PATCH", at(id), changes);
export const deleteTranscript = (id) => request("DELETE", at(id));
export const restoreTranscript = (id) => request("POST", at(id, "/restore"));
export const cancelTranscript = (id) => request("POST", at(id, "/cancel"));
export const startAgain = (id) => request("POST", at(id, "/again"));

/** Edits a segment of that version; the whole transcript as it is then. */
export const editTranscript = (id, edit) => request("POST", at(id, "/edits"), edit);
export const undoEdit = (id, version) => request("POST", at(id, "/undo"), { version });
export const redoEdit = (id, version) => request("POST", at(id, "/redo"), { version });

/** What a language model makes of it: how far that is, what it would change, its summary. */
export const readCleanup = (id) => request("GET", at(id, "/cleanup"));
export const askCleanup = (id) => request("POST", at(id, "/cleanup"));
export const takeCleanup = (id, version) => request("POST", at(id, "/cleanup/take"), { version });
export const leaveCleanup = (id) => request("POST", at(id, "/cleanup/leave"));

/** The outline of the sound: `peaks` of 0 to 100, `a_second` of them. */
export const readPeaks = (id) => request("GET", at(id, "/peaks"));
export const soundAddress = (id) => at(id, "/sound");
export const exportAddress = (id, kind) => at(id, `/export?kind=${kind}`);

/** Transcripts by title, and phrases, in which the words are. */
export const search = (words) => request("GET", `${ARCHIVE}/search?words=${encodeURIComponent(words)}`);

/** Voices that are known in later recordings. */
export const listVoices = () => request("GET", `${ARCHIVE}/voices`);
export const forgetVoice = (id) => request("DELETE", `${ARCHIVE}/voices/${encodeURIComponent(id)}`);
