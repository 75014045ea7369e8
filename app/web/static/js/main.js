// Puts the page together: the dubber's events in, everything that is seen out.

import { Again, againIn } from "./again.js";
import { dubAddress, pageSettings, phrases, recordedAddress } from "./api.js";
import { Captions, Subtitles } from "./captions.js";
import { Cells } from "./cells.js";
import { Controls } from "./controls.js";
import { byId, light, renderOnce, setAttribute, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { lagsOf, renderFigures, renderSparkline } from "./figures.js";
import { Health } from "./health.js";
import { PhraseLog, renderDownloads } from "./log.js";
import { Player } from "./player.js";
import { RecordSwitch, silence } from "./recorded.js";
import { Restreams } from "./restream.js";
import { renderPublish } from "./publish.js";
import { Renditions } from "./renditions.js";
import { Sources } from "./sources.js";
import { SpeakerList } from "./speakers.js";
import { curtainWords } from "./stage.js";
import { aboutSource, chosenDub, firstChoice, hashOf, readHash, renderStreams } from "./streams.js";
import { TrackChoice } from "./tracks.js";
import { WordingForm } from "./wording.js";
import { PLAYABLE, STATUS, duration, enginesInUse, languageName, spokenLanguage } from "./words.js";

const KEPT_PHRASES = 100;

const view = { streams: null, choice: readHash(location.hash), again: againIn(location.hash), plays: "dub", connected: false, shown: "", said: "" };
let settings = { rtmp_port: 1935, rtmps_port: 1936, srt_port: 8890, srt_needs_passphrase: false, source_language: "en", target_languages: [], publishing_needs_password: false };

const video = byId("video");
const player = new Player(video);
const subtitles = new Subtitles(video);
const log = new PhraseLog(byId("log"), byId("log-empty"));
const health = new Health(byId("lights"), (dubber) => controls.able(dubber.can_dub ?? {}));
const feed = new Feed();
const announce = (text) => setText(byId("announcer"), text);
const controls = new Controls({ choose, announce });
const recordSwitch = new RecordSwitch(byId("record"), byId("record-problem"));
const trackChoice = new TrackChoice({ announce });
const wording = new WordingForm({ announce });
const speakers = new SpeakerList({ announce });
const restreaming = new Restreams({ announce });
new Sources({ announce });
const renditions = new Renditions(player, { row: byId("renditions"), heard: byId("heard"), read: byId("read") });
const again = new Again();
const cells = new Cells(render);
const captions = new Captions({
  target: byId("caption-target"),
  source: byId("caption-source"),
  clock: heardNow,
  addCue: (caption, now) => subtitles.add(caption, now),
});

/** Unix time on the dub's output of what is heard now: the original's times are those of its arrival. */
function heardNow() {
  const time = player.clock();
  return time === null ? null : time + (view.plays === "dub" ? 0 : (current()?.dub.delay ?? 0));
}

function current() {
  return view.choice && view.streams ? chosenDub(view.streams, view.choice) : null;
}

function languages() {
  return { source: spokenLanguage(current()?.stream) || null, target: view.choice?.language ?? "" };
}

function choose(stream, language) {
  location.hash = hashOf(stream, language);
}

function render() {
  again.choose(view.again);
  if (view.again) return renderAgain();
  if (!view.streams) return;
  if (!view.choice) {
    view.choice = firstChoice(view.streams);
    if (view.choice) history.replaceState(null, "", hashOf(view.choice.stream, view.choice.language));
  }
  renderStreams(byId("streams"), view.streams, view.choice);
  const now = current();
  if (cells.lead(view.choice, now?.stream)) return rest(`${now.dub.stream} – Voicestack`);
  byId("monitor").hidden = !now;
  byId("empty").hidden = Boolean(now);
  setText(byId("empty-title"), cells.are ? "No stream is live on this host" : "No stream is live");
  if (!now) byId("publish").open = true;
  if (now) renderMonitor(now);
}

/** A stream that is over is watched. */
function renderAgain() {
  if (view.streams) renderStreams(byId("streams"), view.streams, null);
  cells.lead(null);
  rest(`${view.again.split("@")[0]}, again – Voicestack`);
}

/** Nothing live is looked at here. */
function rest(title) {
  byId("monitor").hidden = byId("empty").hidden = true;
  view.shown = "";
  document.title = title;
  player.play("");
}

function renderMonitor({ stream, dub }) {
  const name = languageName(dub.language);
  const source = spokenLanguage(stream);
  const sourceName = source ? languageName(source) : "Original";
  const chosen = JSON.stringify(view.choice);
  if (view.shown !== chosen) {
    view.shown = chosen;
    openDub(dub);
  }
  document.title = `${dub.stream}, ${name} – Voicestack`;
  setText(byId("stream-name"), dub.stream);
  const live = stream?.ready && stream.since ? ` · live for ${duration(Date.now() / 1000 - stream.since)}` : "";
  setText(byId("stream-about"), stream ? aboutSource(stream) + live : "");
  const engines = enginesInUse(dub.speech?.engines);
  setText(byId("engines"), `Dubbed with ${engines}`);
  byId("engines").hidden = !engines;
  renderStatus(dub, name);
  setText(byId("play-dub"), `${name} dub`);
  setText(byId("target-name"), name);
  setText(byId("source-name"), sourceName);
  setAttribute(byId("caption-target"), "lang", dub.language);
  setAttribute(byId("caption-source"), "lang", source || null);
  renderFigures(byId("figures"), byId("details"), dub, player.latency);
  renderLinks(dub, name, sourceName);
  recordSwitch.render(stream ?? null, view.connected);
  controls.render(stream, dub, view.connected);
  trackChoice.render(stream, dub, view.connected);
  speakers.render(dub, view.connected);
  wording.render(dub);
  restreaming.render(dub);
  renderStage(stream, dub);
}

function renderLinks(dub, name, sourceName) {
  const recorded = log.phrases.some((phrase) => phrase.recorded);
  renderDownloads(
    byId("downloads"),
    (rest) => dubAddress(dub.stream, dub.language, rest),
    { target: name, source: sourceName },
    recorded ? recordedAddress(dub.stream, dub.language, "/phrases.zip") : "",
  );
}

function renderStatus(dub, name) {
  const [words, tone, meaning] = STATUS[dub.status] ?? [dub.status, "idle", ""];
  const more = [dub.problem, dub.speech?.problem, dub.note].filter(Boolean).join(" · ");
  renderOnce(byId("status"), JSON.stringify([dub.status, more]), () => {
    const about = document.createElement("span");
    about.className = "about";
    about.textContent = [meaning, more].filter(Boolean).join(" ");
    return [light(tone, words, "pill"), about];
  });
  const said = `${name} dub of ${dub.stream}: ${words}`;
  if (view.said !== said) announce((view.said = said));
}

function renderStage(stream, dub) {
  const playable = view.plays === "dub" ? PLAYABLE.has(dub.status) : Boolean(stream?.ready);
  const name = encodeURIComponent(dub.stream);
  const path = { dub: `dub/${name}/${encodeURIComponent(dub.language)}`, original: `live/${name}`, all: `all/${name}` }[view.plays];
  const before = player.address;
  if (playable) player.play(`/hls/${path}/index.m3u8`);
  else player.play("");
  if (player.address !== before) resetSubtitles();
  for (const plays of ["dub", "original", "all"]) setAttribute(byId(`play-${plays}`), "aria-pressed", String(view.plays === plays));
  renditions.render(view.plays === "all");
  const { text, retry } = curtainWords(player.state, dub.status, view.plays);
  setText(byId("curtain-text"), text);
  byId("curtain").hidden = !text;
  byId("curtain-retry").hidden = !retry;
  byId("unmute").hidden = !video.muted || player.state !== "playing";
}

function resetSubtitles() {
  subtitles.reset();
  captions.recue();
}

/** Looks at another dub: its phrases so far, then what comes. */
async function openDub(dub) {
  const chosen = view.shown;
  if (view.plays === "original") view.plays = "dub";
  captions.clear();
  silence();
  log.clear();
  addPhrases([]);
  await loadPhrases(dub, chosen);
}

async function loadPhrases(dub, chosen) {
  let past = [];
  try {
    past = await phrases(dub.stream, dub.language, KEPT_PHRASES);
  } catch {
    // A dub that never ran has no log yet; events fill it.
    return;
  }
  if (chosen !== view.shown) return;
  addPhrases(past);
}

function addPhrases(some) {
  log.add(some, languages());
  renderSparkline(byId("sparkline"), byId("sparkline-scale"), lagsOf(log.phrases));
}

const isChosen = (event) => event.detail.stream === view.choice?.stream && event.detail.language === view.choice?.language;

feed.addEventListener("streams", (event) => {
  view.streams = event.detail.streams;
  render();
});
feed.addEventListener("phrase", (event) => isChosen(event) && addPhrases([event.detail]));
feed.addEventListener("caption", (event) => isChosen(event) && captions.add(event.detail));
feed.addEventListener("missed", () => {
  const now = current();
  if (now) loadPhrases(now.dub, view.shown);
});
feed.addEventListener("connected", () => {
  if (view.connected) return;
  const again = view.streams !== null;
  view.connected = true;
  byId("notice").hidden = true;
  document.body.classList.remove("stale");
  health.check();
  const now = current();
  if (again && now) loadPhrases(now.dub, view.shown);
});
feed.addEventListener("lost", () => {
  if (view.connected || byId("notice").hidden) health.check();
  view.connected = false;
  byId("notice").hidden = false;
  document.body.classList.add("stale");
  setText(byId("notice-text"), view.streams ? "The dubber can’t be reached: figures and captions stand still." : "The dubber can’t be reached.");
  if (!view.streams) setText(byId("streams"), "");
  const now = current();
  if (!now) return;
  controls.render(now.stream, now.dub, false);
  recordSwitch.render(now.stream ?? null, false);
});

setInterval(() => {
  if (view.connected) return;
  const wait = Math.ceil((feed.retryAt - Date.now()) / 1000);
  setText(byId("notice-wait"), wait > 0 ? `Trying again in ${wait} s.` : "Trying now…");
}, 500);

player.addEventListener("state", render);
video.addEventListener("volumechange", render);
byId("notice-retry").addEventListener("click", () => feed.open());
byId("curtain-retry").addEventListener("click", () => player.retry());
byId("unmute").addEventListener("click", () => {
  video.muted = false;
  video.play();
  video.focus();
});
for (const plays of ["dub", "original", "all"]) {
  byId(`play-${plays}`).addEventListener("click", () => {
    view.plays = plays;
    render();
  });
}
byId("announce-captions").addEventListener("change", (event) => {
  byId("caption-target").setAttribute("aria-live", event.target.checked ? "polite" : "off");
});
addEventListener("hashchange", () => {
  const chosen = readHash(location.hash);
  view.again = againIn(location.hash);
  if (!chosen && !view.again) return;
  view.choice = chosen ?? view.choice;
  render();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
addEventListener("pagehide", () => feed.close());
addEventListener("pageshow", (event) => event.persisted && feed.open());
// A browser opens six connections to one address at most: a page that nobody sees or hears gives its own back.
document.addEventListener("visibilitychange", () => {
  const resting = document.hidden && video.muted;
  player.rest(resting);
  if (resting) feed.close();
  else if (!feed.isOpen) feed.open();
});

async function start() {
  render();
  health.check();
  settings = await pageSettings().catch(() => settings);
  controls.configure(settings);
  renderPublish(byId("publish"), byId("publish-body"), settings, location.hostname);
  if (settings.cells) cells.begin();
  feed.open();
}

start();
byId("unloaded").remove();
