// The page that writes down what is spoken: a source of sound in, the live transcript out.

import { liveHealth, pageSettings } from "./api.js";
import { byId, light, make, renderOnce, setAttribute, setText } from "./dom.js";
import { Health } from "./health.js";
import { Keeping } from "./live/keeping.js";
import { Line } from "./live/line.js";
import { Lines, clock } from "./live/lines.js";
import { copy, download } from "./live/save.js";
import { Transcript, asSubtitles, asText } from "./live/transcript.js";
import { SoundProblem } from "./sound/problem.js";
import { Source } from "./sound/source.js";
import { COMMON_LANGUAGES, languageName } from "./words.js";

const ADDRESS = "/api/live";
const START_IT = 'Live transcription is not running. Start it with `make run ARGS="--services live web"` (Ctrl-C ends what runs now), then try again.';

const STATES = {
  idle: ["idle", "Not started", ""],
  opening: ["idle", "Opening", ""],
  connecting: ["idle", "Connecting", ""],
  running: ["ok", "Listening", ""],
  lost: ["warning", "Connection lost", "What is said meanwhile is kept for half a minute and sent then."],
  finishing: ["idle", "Finishing", "The last words are on their way."],
  finished: ["ok", "Finished", ""],
  absent: ["problem", "Not running", ""],
  full: ["warning", "All places taken", ""],
  failed: ["problem", "Stopped", ""],
};
const AT_REST = new Set(["idle", "finished", "absent", "full", "failed"]);

const view = { state: "idle", line: null };
const source = new Source(byId("source"));
const transcript = new Transcript();
const keeping = new Keeping(() => ({ segments: transcript.segments, language: byId("language").value }));
const lines = new Lines({ scroller: byId("scroller"), list: byId("lines"), partial: byId("partial"), empty: byId("empty") });

function enter(state) {
  view.state = state;
  const [tone, words, meaning] = STATES[state];
  renderOnce(byId("status"), state, () => [light(tone, words, "pill"), ...(meaning ? [make("span", { class: "about" }, meaning)] : [])]);
  setText(byId("announcer"), words);
  source.lock(!AT_REST.has(state));
  setAttribute(byId("start"), "aria-disabled", AT_REST.has(state) ? null : "true");
  setAttribute(byId("stop"), "aria-disabled", AT_REST.has(state) || state === "finishing" ? "true" : null);
  byId("notice").hidden = state !== "lost";
  setText(byId("notice-text"), state === "lost" ? "The connection to live transcription was lost." : "");
  if (AT_REST.has(state)) keeping.look();
  draw();
}

function draw() {
  lines.draw(transcript);
  keeping.draw(AT_REST.has(view.state) && transcript.segments.length > 0);
}

function complain(words) {
  setText(byId("problem"), words);
  byId("problem").hidden = !words;
}

async function start() {
  if (!AT_REST.has(view.state)) return;
  complain("");
  enter("opening");
  let opened;
  try {
    await mustRun();
    opened = await source.open(true);
  } catch (error) {
    if (!(error instanceof SoundProblem)) throw error;
    complain(error.message);
    enter("failed");
    return;
  }
  transcript.restart();
  keeping.begin();
  const line = new Line(ADDRESS, {
    greeting: greeting(),
    confirms: true,
    onState: (state, words) => follow(state, words),
    onMessage: read,
    onBegin: (second) => transcript.begin(second),
  });
  view.line = line;
  const onSound = (_, samples) => {
    keeping.hear(samples);
    line.send(samples);
  };
  const onEnd = (why = "") => {
    complain(why);
    finish();
  };
  opened.start({ hasRoom: () => line.hasRoom, onSound, onEnd });
}

async function mustRun() {
  const health = await liveHealth().catch(() => null);
  if (!health) throw new SoundProblem(START_IT);
  if (health.status === "starting") throw new SoundProblem("Live transcription is still starting. Try again in a moment.");
}

function greeting() {
  const language = byId("language").value;
  return {
    uid: uid(),
    language: language || null,
    task: "transcribe",
    model: "small",
    use_vad: true,
    send_last_n_segments: 10,
    audio_format: "int16",
  };
}

// crypto.randomUUID is only there in secure contexts.
const uid = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function read(message) {
  if (message.message === "SERVER_READY") return "ready";
  if (message.message === "DISCONNECT") return "again";
  if (message.status === "WAIT") return "full";
  if (message.status === "ERROR") return "failed";
  if (message.status === "WARNING") complain(String(message.message ?? ""));
  if (Array.isArray(message.segments)) {
    transcript.take(message.segments);
    view.line?.confirm(transcript.until);
    draw();
  }
  return "";
}

function follow(state, words) {
  if (view.state === "finishing" && (state === "connecting" || state === "running")) return;
  if (state === "full") complain(fullWords(words));
  if (state === "absent") complain(START_IT);
  if (state === "failed") complain(`Live transcription says: ${words.replace(/\.?$/, ".")}`);
  if (AT_REST.has(state)) {
    source.stop();
    transcript.partial = "";
    if (state === "finished" && view.line?.lost > 0.05) complain(`${Math.ceil(view.line.lost)} s of sound were lost while the connection was down.`);
    view.line = null;
  }
  enter(state);
}

function fullWords(minutes) {
  const wait = Math.ceil(Number(minutes));
  const when = wait > 0 ? ` One should be free in about ${wait} min.` : "";
  return `Live transcription has no free place now.${when} Try again then.`;
}

async function finish() {
  if (!view.line || view.state === "finishing") return;
  enter("finishing");
  const line = view.line;
  await source.stop();
  line.finish();
}

function drawProgress() {
  const progress = source.progress;
  setText(byId("progress"), progress ? `${clock(progress.position)} of ${clock(progress.seconds)} sent` : "");
  if (view.state !== "lost") return;
  const wait = Math.ceil((view.line.retryAt - Date.now()) / 1000);
  setText(byId("notice-wait"), wait > 0 ? `Trying again in ${wait} s.` : "Trying now…");
}

function offerLanguages(settings) {
  const codes = [...new Set([settings.source_language, ...COMMON_LANGUAGES])];
  const options = codes.map((code) => make("option", { value: code }, languageName(code)));
  byId("language").replaceChildren(...options, make("option", { value: "" }, "Found by itself"));
  byId("language").value = settings.source_language;
}

byId("source").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
byId("stop").addEventListener("click", finish);
byId("clear").addEventListener("click", () => {
  transcript.clear();
  draw();
});
byId("copy").addEventListener("click", async () => {
  const done = await copy(asText(transcript.segments), byId("lines"));
  setText(byId("copy"), done ? "Copied" : "Press Ctrl+C");
  setTimeout(() => setText(byId("copy"), "Copy"), 2000);
});
byId("save-text").addEventListener("click", () => download("transcript.txt", asText(transcript.segments)));
byId("save-subtitles").addEventListener("click", () => download("transcript.srt", asSubtitles(transcript.segments), "application/x-subrip"));
byId("announce").addEventListener("change", (event) => byId("lines").setAttribute("aria-live", event.target.checked ? "polite" : "off"));
addEventListener("beforeunload", (event) => AT_REST.has(view.state) || event.preventDefault());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
setInterval(drawProgress, 250);

new Health(byId("lights")).check();
offerLanguages({ source_language: "en" });
pageSettings().then(offerLanguages, () => {});
enter("idle");
byId("unloaded").remove();
