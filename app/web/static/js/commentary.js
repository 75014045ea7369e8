// The page of commentary: a source is chosen, its picture shown, and what is said of it written and spoken.

import { RequestFailed } from "./api.js";
import { changeSession, endSession, eventsAddress, historyAddress, listSessions, newSession, profiles, soundAddress, sources, status } from "./commentary/api.js";
import { DescriptionView, describable } from "./commentary/description.js";
import { Picture } from "./commentary/picture.js";
import { Voice } from "./commentary/voice.js";
import { byId, light, make, renderOnce, setAttribute, setText } from "./dom.js";
import { Health } from "./health.js";
import { clock } from "./live/lines.js";
import { Messages } from "./messages.js";
import { COMMON_LANGUAGES, languageName } from "./words.js";

const EVERY = 3_000;
const MOST_LINES = 500;
const STATES = {
  waiting: ["idle", "Opening"],
  watching: ["ok", "Watching"],
  lost: ["warning", "Source lost"],
  ended: ["idle", "Ended"],
};
const ABOUT = {
  stream: "Nobody publishes a stream now.",
  file: "There is no video in the folder for videos (DATA_DIR/videos, or COMMENTARY_FOLDER).",
  rtsp: "The operator allows no host yet (COMMENTARY_HOSTS).",
  device: "The operator allows no camera yet (COMMENTARY_DEVICES).",
};

const view = { there: null, sources: null, profiles: [], session: null, id: "", feed: null, lines: new Map(), from: 0, room: null };
let rooms = null; // what is needed for a room; not loaded where there is no LiveKit
const voice = new Voice((blocked) => {
  byId("notice").hidden = !blocked;
  setText(byId("notice-text"), blocked ? "This browser speaks once you have clicked on the page." : "");
});
const description = new DescriptionView();
new Picture(() => (view.session && view.session.state !== "ended" ? view.id : ""));

function complain(words) {
  setText(byId("problem"), words);
  byId("problem").hidden = !words;
}

async function refresh() {
  if (!document.hidden) {
    try {
      const [overall, found] = await Promise.all([status(), sources()]);
      if (!view.profiles.length) offerProfiles(await profiles());
      view.there = overall;
      view.sources = found;
      if (!view.id) adopt(await listSessions());
      await offerCamera();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      view.there = null;
      setText(byId("absent-text"), error.status === 0 ? "The console itself can’t be reached; this page goes on by itself when it is back." : "End what runs with Ctrl-C, then start it so; this page goes on by itself.");
    }
    render();
  }
  setTimeout(refresh, EVERY);
}

/** Looks at what somebody has begun already; another browser's camera is its own affair. */
function adopt(sessions) {
  const running = sessions.find(({ state, source }) => state !== "ended" && source.kind !== "livekit");
  if (running) follow(running);
}

/** Where LiveKit is on and this browser has a camera, that is a source too. */
async function offerCamera() {
  if (view.there.livekit_connected !== null) rooms ??= await import("./commentary/room.js");
  const offered = view.there.livekit_connected !== null && (await rooms.hasCamera());
  const option = document.querySelector("#kind option[value=livekit]");
  if (offered && !option) byId("kind").append(make("option", { value: "livekit" }, "This browser’s camera"));
  if (!offered && option) option.remove();
}

function render() {
  byId("absent").hidden = view.there !== null;
  byId("there").hidden = view.there === null;
  if (view.there === null) return;
  renderSources();
  renderSession();
}

function renderSources() {
  const kind = byId("kind").value;
  const names = { stream: view.sources.streams, file: view.sources.files, device: view.sources.devices, rtsp: [], livekit: [] }[kind];
  byId("name-field").hidden = kind === "rtsp" || !names.length;
  byId("address-field").hidden = kind !== "rtsp";
  byId("loop-field").hidden = kind !== "file";
  renderOnce(byId("name"), JSON.stringify([kind, names]), () => names.map((name) => make("option", { value: name }, name)));
  const missing = kind === "rtsp" ? !view.sources.hosts.length : kind !== "livekit" && !names.length;
  if (!runs()) description.render(chosen(), null);
  const hosts = kind === "rtsp" && !missing ? `Allowed: ${view.sources.hosts.join(", ")}.` : "";
  const why = kind === "stream" && view.sources.detail ? `${capital(view.sources.detail)}.` : ABOUT[kind];
  setText(byId("source-about"), missing ? why : hosts);
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

const runs = () => view.session !== null && view.session.state !== "ended";

/** The source that the form names. */
function chosen() {
  const kind = byId("kind").value;
  return { kind, name: kind === "rtsp" ? byId("address").value.trim() : byId("name").value, loop: kind === "file" && byId("loop").checked };
}

function renderSession() {
  const { session } = view;
  description.render(runs() ? session.source : chosen(), runs() ? session.description : null);
  const [tone, words] = STATES[session?.state] ?? ["idle", "Not started"];
  renderOnce(byId("status"), JSON.stringify([tone, words, session?.detail]), () => [light(tone, words, "pill"), ...(session?.detail ? [make("span", { class: "about" }, capital(session.detail))] : [])]);
  setAttribute(byId("start"), "aria-disabled", runs() ? "true" : null);
  setAttribute(byId("stop"), "aria-disabled", runs() ? null : "true");
  renderOnce(byId("states"), JSON.stringify(lights(session)), () => lights(session).map(([tone, words, detail]) => make("li", {}, light(tone, words), ...(detail ? [make("span", { class: "small quiet" }, ` ${detail}`)] : []))));
  renderOnce(byId("downloads"), view.id, () =>
    view.id ? [["Subtitles (SRT)", "srt"], ["WebVTT", "vtt"], ["JSON", "json"]].map(([words, format]) => make("li", {}, make("a", { href: historyAddress(view.id, format), download: true }, words))) : [],
  );
  const model = session?.describer ?? view.there?.model;
  setText(byId("words-about"), model?.name === "llm" ? "They hold from the next comment on." : "No model is asked now (VISION_MODEL): cuts, movement, light and colours are told.");
}

/** A light for each part: tone, words, and what is wrong. */
function lights(session) {
  const model = session?.describer ?? view.there?.model;
  const speech = session?.speech ?? view.there?.speech;
  const livekit = view.there?.livekit_connected;
  return [
    session === null ? ["idle", "Picture: none", ""] : [session.state === "watching" ? "ok" : session.state === "lost" ? "problem" : "idle", `Picture: ${session.frames_per_second} a second`, ""],
    ...(typeof livekit === "boolean" ? [[livekit ? "ok" : "problem", `LiveKit: ${livekit ? "connected" : "not connected"}`, ""]] : []),
    [model?.healthy ? "ok" : "warning", model?.name === "llm" ? `Model: ${model.calls} calls` : "Model: what is measured", model?.detail ?? ""],
    [speech?.healthy ? "ok" : "problem", speech?.healthy ? "Speech: working" : "Speech: not working", speech?.detail ?? ""],
  ];
}

function follow(session) {
  view.feed?.close();
  leaveRoom();
  view.id = session.id;
  view.session = session;
  view.from = session.last_comment?.id ?? 0;
  view.lines.clear();
  byId("lines").replaceChildren();
  setText(byId("now"), "");
  setWishes(session.wishes);
  view.feed = new Messages(eventsAddress(session.id), (data) => take(session.id, data), (broken) => complain(broken && view.session?.state !== "ended" ? "The connection to commentary was lost; trying again." : ""));
}

function leaveRoom() {
  view.room?.leave();
  view.room = null;
}

function take(id, data) {
  if (id !== view.id) return;
  if (data.type === "session") {
    view.session = data;
    if (data.state === "ended") {
      leaveRoom();
      // Nothing comes after the end; the browser would ask again and again.
      view.feed.close();
    }
    renderSession();
  }
  if (data.type === "comment") comment(data);
}

function comment(data) {
  byId("empty").hidden = true;
  if (!view.lines.has(data.id)) {
    const line = make("li", { class: "line" }, make("span", { class: "when" }, clock(data.shown)), make("span", {}, data.text));
    view.lines.set(data.id, line);
    const scroller = byId("scroller");
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
    byId("lines").append(line);
    while (byId("lines").children.length > MOST_LINES) byId("lines").firstChild.remove();
    if (atEnd) scroller.scrollTop = scroller.scrollHeight;
    setText(byId("now"), data.text);
  }
  // What was said before this page looked is past; who listens to the description or is in the room hears it there.
  if (data.spoken > 0 && data.id > view.from && !description.plays && !view.room) voice.say(soundAddress(view.id, data.id));
}

async function start() {
  if (byId("start").getAttribute("aria-disabled") === "true") return;
  const source = chosen();
  if (source.kind === "livekit") source.name = rooms.newRoom();
  if (!source.name) return complain(source.kind === "rtsp" ? "Type the address of a stream." : ABOUT[source.kind]);
  complain("");
  setAttribute(byId("start"), "aria-busy", "true");
  let camera = null;
  try {
    camera = source.kind === "livekit" ? await rooms.openCamera() : null;
    follow(await newSession({ source, ...wishes(source) }));
    if (camera) view.room = new rooms.CameraRoom(source.name, camera, complain);
  } catch (error) {
    for (const track of camera?.getTracks() ?? []) track.stop();
    complain(error instanceof RequestFailed ? `${capital(error.message)}.` : error.message);
  }
  setAttribute(byId("start"), "aria-busy", null);
  render();
}

async function stop() {
  if (byId("stop").getAttribute("aria-disabled") === "true") return;
  leaveRoom();
  try {
    view.session = await endSession(view.id);
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    complain(`${capital(error.message)}.`);
  }
  renderSession();
}

const profileNamed = (name) => view.profiles.find((profile) => profile.name === name);

function wishes(source) {
  const prompt = byId("prompt").value.trim();
  return {
    profile: byId("profile").value,
    prompt: prompt === profileNamed(byId("profile").value)?.prompt ? "" : prompt,
    instruction: byId("instruction").value.trim(),
    language: byId("language").value,
    pace: byId("pace").value,
    describe: describable(source) && byId("describe").checked,
  };
}

function setWishes(asked) {
  byId("profile").value = asked.profile;
  byId("prompt").value = asked.prompt || profileNamed(asked.profile)?.prompt || "";
  byId("instruction").value = asked.instruction;
  byId("language").value = asked.language;
  byId("pace").value = asked.pace;
  byId("describe").checked = asked.describe;
  setText(byId("profile-about"), profileNamed(asked.profile)?.about ?? "");
}

function offerProfiles(found) {
  view.profiles = found;
  byId("profile").replaceChildren(...found.map(({ name, title }) => make("option", { value: name }, title)));
  chooseProfile();
}

function chooseProfile() {
  const profile = profileNamed(byId("profile").value);
  byId("prompt").value = profile.prompt;
  byId("pace").value = profile.pace;
  setText(byId("profile-about"), profile.about);
}

async function change() {
  if (!view.session || view.session.state === "ended") return;
  try {
    await changeSession(view.id, wishes(view.session.source));
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    complain(`${capital(error.message)}.`);
  }
}

byId("source").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
byId("stop").addEventListener("click", stop);
for (const id of ["kind", "name"]) byId(id).addEventListener("change", () => view.sources && renderSources());
byId("profile").addEventListener("change", chooseProfile);
byId("wishes").addEventListener("change", change);
byId("wishes").addEventListener("submit", (event) => event.preventDefault());
addEventListener("pagehide", () => {
  view.feed?.close();
  leaveRoom();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
byId("language").replaceChildren(...COMMON_LANGUAGES.map((code) => make("option", { value: code }, languageName(code))));
byId("language").value = "en";

new Health(byId("lights")).check();
refresh();
byId("unloaded").remove();
