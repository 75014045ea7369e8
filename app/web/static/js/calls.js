// The page of calls: what is said, the objections beside it, calls that are over, and new ones.

import { RequestFailed, pageSettings } from "./api.js";
import { deleteCall, endCall, eventsAddress, exportAddress, listCalls, newCall, readCall, salesHealth, write } from "./calls/api.js";
import { Conversation } from "./calls/conversation.js";
import { Objections, named } from "./calls/objections.js";
import { Recording } from "./calls/recording.js";
import { byId, light, make, renderOnce, setText } from "./dom.js";
import { Health } from "./health.js";
import { clock } from "./live/lines.js";
import { Messages } from "./messages.js";
import { SoundProblem } from "./sound/problem.js";
import { Source } from "./sound/source.js";
import { languageName } from "./words.js";

const EVERY = 5_000;
const NEW = "new";
const SAMPLE = "/sample-call.wav";
const STATES = {
  listening: ["ok", "Listening"],
  reconnecting: ["warning", "Reconnecting"],
  ended: ["idle", "Ended"],
};
const SENDING = {
  connecting: "Connecting…",
  lost: "The connection was lost; trying again.",
  finishing: "Ending: the last words are on their way.",
};
const BROKEN = {
  full: "The sales service has no free place for another call now.",
  absent: "The sales service went away.",
};

const view = { calls: null, choice: null, call: null, feed: null, recording: null, writes: false, starting: false };
let settings = { source_language: "en", sample_call: false };
const source = new Source(byId("source"));
const conversation = new Conversation();
const objections = new Objections(showInTranscript);

const chosen = () => decodeURIComponent(/^#\/(.+)$/.exec(location.hash)?.[1] ?? "");

function complain(id, words) {
  setText(byId(id), words);
  byId(id).hidden = !words;
}

async function refresh() {
  if (!document.hidden) {
    try {
      view.calls = await listCalls();
      view.writes = Boolean((await salesHealth())?.llm?.configured);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      absent(error);
    }
    render();
  }
  setTimeout(refresh, EVERY);
}

function absent(error) {
  view.calls = null;
  setText(byId("absent-text"), error.status === 0 ? "The console itself can’t be reached; this page goes on by itself when it is back." : "Calls need it, and live transcription, which starts with it. End what runs with Ctrl-C, then start it so; this page goes on by itself.");
}

function render() {
  const there = view.calls !== null;
  byId("absent").hidden = there || Boolean(view.recording);
  if (there) {
    const choice = chosen() || view.calls[0]?.id || NEW;
    renderCalls(choice);
    if (choice !== view.choice) open(choice);
  } else {
    renderOnce(byId("calls"), "none", () => []);
  }
  byId("new-call").hidden = !there || view.choice !== NEW;
  byId("call").hidden = view.choice === NEW || !view.call || (!there && !view.recording);
  byId("meter").hidden = view.recording?.id !== view.choice;
  if (view.call) renderHead();
}

function renderCalls(choice) {
  const shown = view.calls.map(({ id, title, state, started }) => [id, title, state, started]);
  renderOnce(byId("calls"), JSON.stringify([shown, choice]), () =>
    shown.length ? [make("ul", { role: "list" }, ...view.calls.map((call) => callItem(call, choice)))] : [make("p", { class: "quiet" }, "None yet.")],
  );
  const fresh = document.querySelector(".new");
  if (choice === NEW) fresh.setAttribute("aria-current", "true");
  else fresh.removeAttribute("aria-current");
}

function callItem({ id, title, state, started }, choice) {
  const [tone, words] = STATES[state] ?? ["idle", state];
  const link = make("a", { href: `#/${encodeURIComponent(id)}`, "aria-current": id === choice ? "true" : null }, make("span", {}, title || "Call"), " ", light(tone, words), make("span", { class: "small quiet day" }, day(started)));
  return make("li", { class: "stream" }, link);
}

const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const day = (iso) => (Number.isNaN(Date.parse(iso)) ? "" : days.format(new Date(iso)));

/** Looks at another call: what it holds so far, then what comes. */
async function open(choice) {
  view.choice = choice;
  view.feed?.close();
  view.feed = null;
  view.call = null;
  conversation.clear();
  objections.clear();
  complain("call-problem", "");
  byId("written").hidden = true;
  document.title = `${choice === NEW ? "New call" : "Call"} – Voicestack`;
  if (choice === NEW || !(await load(choice))) return;
  view.feed = new Messages(eventsAddress(choice), (event) => take(choice, event), (broken) => broken || load(choice));
}

async function load(choice) {
  let whole;
  try {
    whole = await readCall(choice);
  } catch (error) {
    if (view.choice === choice && error.status === 404) location.hash = "";
    return false;
  }
  if (view.choice !== choice) return false;
  view.call = whole;
  conversation.add(whole.segments);
  addObjections(whole.objections);
  document.title = `${whole.title || "Call"} – Voicestack`;
  render();
  return true;
}

function take(choice, data) {
  if (view.choice !== choice || !view.call) return;
  if (data.type === "partial") conversation.partial(data);
  if (data.type === "segment") {
    conversation.add([data]);
    for (const objection of objections.all) conversation.mark(objection);
  }
  if (data.type === "objection") addObjections([data], true);
  if (data.type === "state") {
    Object.assign(view.call, { state: data.state, detail: data.detail });
    const listed = view.calls?.find(({ id }) => id === choice);
    if (listed) listed.state = data.state;
    if (data.state === "ended") for (const channel of view.call.channels) conversation.partial({ channel, text: "" });
    render();
  }
}

function addObjections(some, aloud = false) {
  for (const objection of objections.add(some)) {
    conversation.mark(objection);
    if (aloud) setText(byId("announcer"), `${named(objection.kind)}: ${objection.quote}`);
  }
}

function showInTranscript(objection) {
  const row = conversation.mark(objection);
  row?.scrollIntoView({ block: "center" });
  row?.focus({ preventScroll: true });
}

function renderHead() {
  const { id, title, state, detail, channels, started, language, dropped } = view.call;
  const ours = view.recording?.id === id;
  setText(byId("call-title"), title || "Call");
  const voices = channels.length === 2 ? "two channels: seller and customer" : "one channel";
  const lost = dropped > 0.5 ? `${Math.round(dropped)} s of sound not transcribed` : "";
  setText(byId("call-about"), [day(started), languageName(language), voices, lost].filter(Boolean).join(" · "));
  const about = [ours ? (SENDING[view.recording.state] ?? "") : "", detail].filter(Boolean).join(" ");
  renderOnce(byId("status"), JSON.stringify([state, about]), () => [light(...(STATES[state] ?? ["idle", state]), "pill"), ...(about ? [make("span", { class: "about" }, about)] : [])]);
  byId("end").hidden = state === "ended";
  byId("summary").hidden = byId("suggestion").hidden = !view.writes;
  renderOnce(byId("downloads"), id, () =>
    [["Text", "txt"], ["Table (CSV)", "csv"], ["JSON", "json"]].map(([words, format]) => make("li", {}, make("a", { href: exportAddress(id, format), download: true }, words))),
  );
}

async function start() {
  if (view.starting || view.recording) {
    complain("problem", view.recording ? "A call is being sent from this page already: end it first." : "");
    return;
  }
  complain("problem", "");
  busy(true);
  try {
    const opened = source.kind === "sample" ? await source.openAddress(SAMPLE) : await source.open(false);
    const channels = opened.channels === 2 ? ["seller", "customer"] : ["call"];
    const title = byId("title").value.trim() || (source.kind === "sample" ? "Sample call" : source.title);
    const call = await newCall(title.slice(0, 120), settings.source_language, channels);
    view.recording = new Recording(call.id, channels, opened, source, follow);
    view.calls?.unshift(call);
    location.hash = `#/${encodeURIComponent(call.id)}`;
    byId("title").value = "";
  } catch (error) {
    if (!(error instanceof SoundProblem || error instanceof RequestFailed)) throw error;
    source.stop();
    complain("problem", error instanceof SoundProblem ? error.message : `The call can’t be started: ${error.message}.`);
  }
  busy(false);
}

function busy(is) {
  view.starting = is;
  byId("start").setAttribute("aria-busy", String(is));
  setText(byId("start"), is ? "Starting…" : "Start the call");
}

function follow(state, words) {
  if (view.recording) view.recording.state = state;
  if (state === "finished" || state in BROKEN || state === "failed") view.recording = null;
  if (state === "finishing") complain("call-problem", words);
  if (state in BROKEN || state === "failed") complain("call-problem", BROKEN[state] ?? `No sound can be sent: ${words}.`);
  render();
}

async function end() {
  if (view.recording?.id === view.choice) {
    await view.recording.end();
    return;
  }
  await endCall(view.choice).catch((error) => complain("call-problem", `Ending failed: ${error.message}.`));
}

function remove() {
  const dialog = byId("confirm");
  const { id, title } = view.call;
  setText(byId("confirm-title"), `Delete ${title || "this call"}?`);
  setText(byId("confirm-text"), "Its transcript and objections are gone for good.");
  dialog.returnValue = "";
  dialog.showModal();
  byId("confirm-no").onclick = () => dialog.close("no");
  byId("confirm-yes").onclick = () => dialog.close("yes");
  dialog.onclose = () => dialog.returnValue === "yes" && deleteNow(id);
}

async function deleteNow(id) {
  if (view.recording?.id === id) {
    view.recording.drop();
    view.recording = null;
  }
  try {
    await deleteCall(id);
  } catch (error) {
    complain("call-problem", `Deleting failed: ${error.message}.`);
    return;
  }
  view.calls = view.calls?.filter((call) => call.id !== id) ?? null;
  location.hash = "";
  render();
}

async function compose(what, title) {
  const { id } = view.call;
  const button = byId(what);
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  complain("call-problem", "");
  byId("written").hidden = false;
  setText(byId("written-title"), title);
  setText(byId("written-text"), "…");
  let text = "";
  try {
    await write(id, what, (piece) => {
      text += piece;
      if (view.choice === id) setText(byId("written-text"), text);
    });
  } catch (error) {
    if (view.choice === id) complain("call-problem", `${title} failed: ${error.message}.`);
  }
  button.removeAttribute("aria-busy");
}

function drawProgress() {
  const progress = source.progress;
  setText(byId("progress"), progress ? `${clock(progress.position)} of ${clock(progress.seconds)} sent` : "");
}

function configure(found) {
  settings = found;
  byId("sample-choice").hidden = !found.sample_call;
  byId("sample-hint").hidden = found.sample_call;
}

byId("source").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
byId("end").addEventListener("click", end);
byId("delete").addEventListener("click", remove);
byId("summary").addEventListener("click", () => compose("summary", "Summary"));
byId("suggestion").addEventListener("click", () => compose("suggestion", "Suggestion"));
addEventListener("hashchange", render);
addEventListener("beforeunload", (event) => view.recording && event.preventDefault());
addEventListener("pagehide", () => view.feed?.close());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
setInterval(drawProgress, 250);

new Health(byId("lights")).check();
pageSettings().then(configure, () => {});
refresh();
byId("unloaded").remove();
