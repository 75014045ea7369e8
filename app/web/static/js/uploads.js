// The page of uploads: files on their way, the list of transcripts, search, and one transcript.

import { RequestFailed, pageSettings } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { Health } from "./health.js";
import { EVENTS, deleteTranscript, restoreTranscript } from "./uploads/api.js";
import { List } from "./uploads/list.js";
import { Recorder } from "./uploads/recorder.js";
import { listenForSearch } from "./uploads/search.js";
import { Sends } from "./uploads/sends.js";
import { TranscriptView } from "./uploads/transcript.js";
import { showVoices } from "./uploads/voices.js";
import { COMMON_LANGUAGES, languageName } from "./words.js";

const AGAIN = 1_500;
const PLACE = /^#\/([0-9a-f-]{36})(?:\/(\d+(?:\.\d+)?))?$/;

let there = false;
let deleted = null;
let feed = null;

const list = new List({ isHidden: (id) => sends?.has(id), onDelete: remove, act: trying });
const sends = new Sends(() => trying(() => list.load()));
const recorder = new Recorder((...file) => sends.addOne(...file));
const transcript = new TranscriptView({ onDelete: remove, onGone: gone });

function complain(words) {
  setText(byId("problem"), words);
  byId("problem").hidden = !words;
}

async function trying(act) {
  complain("");
  try {
    await act();
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    complain(`It failed: ${error.message}.`);
  }
}

function gone(words = "") {
  location.hash = "#/";
  complain(words);
}

/** Asks for the list, then listens to what changes; after a break it begins anew. */
async function connect() {
  try {
    await list.load();
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    away(error);
    setTimeout(connect, AGAIN);
    return;
  }
  there = true;
  byId("notice").hidden = true;
  route();
  feed = new EventSource(EVENTS);
  feed.addEventListener("transcript", (event) => {
    const news = JSON.parse(event.data);
    list.take(news);
    transcript.take(news);
  });
  // Between the list and the first event something may have changed.
  feed.onopen = () => Promise.all([list.load(), transcript.refresh()]).catch(() => {});
  feed.onerror = () => {
    feed.close();
    setTimeout(connect, AGAIN);
  };
}

function away(error) {
  if (there) {
    setText(byId("notice-text"), "The connection to the archive was lost; this page goes on by itself when it is back.");
    byId("notice").hidden = false;
    return;
  }
  const words = {
    0: "The console itself can’t be reached; this page goes on by itself when it is back.",
    503: `The archive is not ready: ${error.message}. This page goes on by itself.`,
  };
  setText(byId("absent-text"), words[error.status] ?? "Uploads need the services api and transcriber: end what runs with Ctrl-C and start it so; this page goes on by itself.");
  byId("absent").hidden = false;
}

function route() {
  if (!there) return;
  const [, id, second] = PLACE.exec(location.hash) ?? [];
  byId("absent").hidden = true;
  byId("every").hidden = Boolean(id);
  byId("one").hidden = !id;
  if (id) {
    transcript.open(id, second === undefined ? null : Number(second));
  } else {
    transcript.close();
    trying(() => showVoices(trying));
    document.title = "Uploads – Voicestack";
  }
}

async function remove({ id, title }) {
  await trying(async () => {
    await deleteTranscript(id);
    deleted = id;
    setText(byId("deleted-text"), `“${title}” is deleted.`);
    byId("deleted").hidden = false;
    list.take({ id, deleted: true });
    location.hash = "#/";
    byId("restore").focus();
  });
}

byId("restore").addEventListener("click", () =>
  trying(async () => {
    list.take(await restoreTranscript(deleted));
    byId("deleted").hidden = true;
    byId("main").focus();
  }),
);

function offerLanguages(settings) {
  const chosen = byId("language").value;
  const codes = [...new Set([settings.source_language, ...COMMON_LANGUAGES])];
  byId("language").replaceChildren(make("option", { value: "" }, "Found by itself"), ...codes.map((code) => make("option", { value: code }, languageName(code))));
  byId("language").value = chosen;
}

addEventListener("hashchange", route);
addEventListener("beforeunload", (event) => (sends.busy || recorder.busy) && event.preventDefault());
addEventListener("pagehide", () => feed?.close());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});

listenForSearch();
new Health(byId("lights")).check();
offerLanguages({ source_language: "en" });
pageSettings().then(offerLanguages, () => {});
connect();
byId("unloaded").remove();
