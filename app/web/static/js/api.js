// Requests to the dubber and the console; every failure becomes one sentence for people.

import { mindSession, pageToken } from "./session.js";

const DUBBER = "/api/dubber";
const PATIENCE = 20_000;

/** A request that failed. The message can be shown as it is. */
export class RequestFailed extends Error {
  /** The HTTP status, or 0 where there was no answer. */
  status = 0;
}

/** Address of a dub in the dubber's API. */
export const dubAddress = (stream, language, rest = "") =>
  `${DUBBER}/streams/${encodeURIComponent(stream)}/${encodeURIComponent(language)}${rest}`;

/** The dubber's /health. */
export const dubberHealth = () => request("GET", `${DUBBER}/health`, undefined, [503]);

/** The /health of live transcription. */
export const liveHealth = () => request("GET", "/api/live/health", undefined, [503]);

/** The console's own /health. */
export const consoleHealth = () => request("GET", "/health", undefined, [503]);

/** What the page has to know of the settings. */
export const pageSettings = () => request("GET", "/settings.json");

/** The last phrases of a dub. */
export const phrases = async (stream, language, limit) =>
  (await request("GET", dubAddress(stream, language, `/phrases?limit=${limit}`))).phrases;

export const startDub = (stream, language) => request("PUT", dubAddress(stream, language), {});
export const stopDub = (stream, language) => request("DELETE", dubAddress(stream, language));
export const bypassDub = (stream, language, on) => request("POST", dubAddress(stream, language, "/bypass"), { on });
export const correctSpeaker = (stream, language, speaker, wish) =>
  request("PUT", dubAddress(stream, language, `/speakers/${speaker}`), wish);
export const setSpoken = (stream, language) =>
  request("POST", `${DUBBER}/streams/${encodeURIComponent(stream)}/spoken`, { language });

export const recordPhrases = (stream, on) =>
  request("POST", `${DUBBER}/streams/${encodeURIComponent(stream)}/record`, { on });

/** Address of the dub's recorded phrases. */
export const recordedAddress = (stream, language, rest = "") =>
  `${DUBBER}/recorded/${encodeURIComponent(stream)}/${encodeURIComponent(language)}${rest}`;
export const switchDub = (stream, language, to) =>
  request("POST", dubAddress(stream, language, "/switch"), { language: to });

const profileAddress = (stream) => `${DUBBER}/streams/${encodeURIComponent(stream)}/profile`;
/** A stream's profile: subject, glossary, voices, languages, delay. */
export const profileOf = (stream) => request("GET", profileAddress(stream));
export const editProfile = (stream, profile) => request("PUT", profileAddress(stream), profile);

/** The streams that are over and kept, newest first. */
export const finished = async () =>
  (await request("GET", `${DUBBER}/joined`)).showings.filter((showing) => showing.ended).reverse();

/** Every cell, with its streams. */
export const cells = () => request("GET", `${DUBBER}/cells`);
/** The cell that a stream is to be published to, and its addresses by protocol. */
export const ingest = (stream) => request("GET", `${DUBBER}/ingest/${encodeURIComponent(stream)}`);

/** Where dubs are sent on to. */
export const restreams = async () => (await request("GET", `${DUBBER}/restreams`)).restreams;
const restreamAddress = (...parts) => `${DUBBER}/restreams/${parts.map(encodeURIComponent).join("/")}`;
export const restream = (stream, language, name, target) =>
  request("PUT", restreamAddress(stream, language, name), target);
export const removeRestream = (stream, language, name) =>
  request("DELETE", restreamAddress(stream, language, name));

/** From where streams are taken in. */
export const sources = async () => (await request("GET", `${DUBBER}/sources`)).sources;
const sourceAddress = (stream) => `${DUBBER}/sources/${encodeURIComponent(stream)}`;
export const setSource = (stream, address) => request("PUT", sourceAddress(stream), { address });
export const removeSource = (stream) => request("DELETE", sourceAddress(stream));

/** Sends a request and gives its JSON, or null. Raises RequestFailed. */
export async function request(method, address, body, alsoFine = []) {
  const options = { method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE), headers: {} };
  if (method !== "GET") options.headers = { "content-type": "application/json", ...pageToken() };
  if (body !== undefined) options.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    const slow = error.name === "TimeoutError";
    throw new RequestFailed(slow ? "there was no answer in time" : "the console cannot be reached");
  }
  const text = await response.text();
  const answer = parsed(text);
  mindSession(response.status, answer?.detail);
  if (!response.ok && !alsoFine.includes(response.status)) throw failed(reason(answer, response.status), response.status);
  return answer;
}

function failed(words, status) {
  return Object.assign(new RequestFailed(words), { status });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function about(item) {
  const where = (item?.loc ?? []).filter((part) => part !== "body" && part !== "[key]").join(" ");
  return item?.msg ? `${where ? `${where}: ` : ""}${item.msg}` : "";
}

function reason(answer, status) {
  const detail = answer?.detail;
  if (typeof detail === "string" && detail) return detail;
  if (Array.isArray(detail) && detail.length) return detail.map((item) => about(item)).filter(Boolean).join("; ");
  return `the answer was an error (${status})`;
}
