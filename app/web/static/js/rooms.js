// The page of interpreted rooms: everybody speaks their own language, and hears and reads it of the others.

import { enterRoom, interpret, interpretedRooms } from "./commentary/api.js";
import { byId, light, make, renderOnce, setAttribute, setText } from "./dom.js";
import { Health } from "./health.js";
import { keepingEnd } from "./live/lines.js";
import { Entered } from "./rooms/entered.js";
import { COMMON_LANGUAGES, languageName } from "./words.js";

const EVERY = 3_000;
const MOST_LINES = 500;
const INTERPRETER = "interpreter";
const CAPTIONS = "lk.transcription";
const NO_MICROPHONE = {
  NotAllowedError: "This browser lets no page use the microphone: allow it, or enter without speaking.",
  NotFoundError: "This browser has no microphone: enter without speaking.",
};

const view = { room: null, name: "", language: "", microphone: null, inside: false, problem: "" };

function complain(words) {
  setText(byId("problem"), words);
  byId("problem").hidden = !words;
}

/** What of the others is listened to: those who speak this language, and the interpreter's track of it. */
function choose(room) {
  for (const guest of room.remoteParticipants.values()) {
    for (const publication of guest.trackPublications.values()) {
      const ours = guest.identity === INTERPRETER;
      publication.setSubscribed(ours ? publication.trackName === `dub-${view.language}` : guest.attributes.language === view.language);
    }
  }
}

function prepare(room, RoomEvent) {
  for (const event of [RoomEvent.TrackPublished, RoomEvent.ParticipantConnected, RoomEvent.ParticipantAttributesChanged]) room.on(event, () => choose(room));
  room.on(RoomEvent.TrackSubscribed, (track, publication) => {
    const audio = track.attach();
    audio.dataset.track = publication.trackName;
    document.body.append(audio);
    level(audio);
  });
  room.on(RoomEvent.TrackUnsubscribed, (track) => {
    for (const audio of track.detach()) audio.remove();
  });
  room.on(RoomEvent.Disconnected, () => {
    view.inside = false;
    for (const audio of document.querySelectorAll("audio")) audio.remove();
    render();
  });
  room.registerTextStreamHandler(CAPTIONS, async (reader) => line(await reader.readAll(), reader.info.attributes?.speaker ?? ""));
}

async function enter(room) {
  choose(room);
  // Left on when a connection is lost: the same microphone is heard in the next one.
  if (view.microphone) await room.localParticipant.publishTrack(view.microphone.getAudioTracks()[0].clone(), { source: "microphone" });
  view.inside = true;
  render();
}

async function begin() {
  if (view.room) return;
  complain("");
  const name = byId("name").value.trim();
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) return complain("A room’s name has letters without accents, digits, - and _.");
  try {
    view.microphone = byId("speak").checked ? await navigator.mediaDevices.getUserMedia({ audio: true }) : null;
  } catch (error) {
    return complain(NO_MICROPHONE[error.name] ?? "The microphone can’t be opened: another program may have it.");
  }
  view.name = name;
  view.language = byId("language").value;
  view.room = new Entered({
    token: async () => {
      await interpret(view.name);
      return await enterRoom(view.name, view.language);
    },
    prepare,
    enter,
    onProblem: (words) => complain(words && `The room is not entered yet (${words}); trying again.`),
    options: { autoSubscribe: false },
  });
  render();
}

function leave() {
  for (const track of view.microphone?.getTracks() ?? []) track.stop();
  view.room?.leave();
  view.room = view.microphone = null;
  view.inside = false;
  complain("");
  render();
}

function render() {
  const [tone, words] = !view.room ? ["idle", "Not in a room"] : view.inside ? ["ok", `In the room ${view.name}`] : ["idle", "Entering"];
  renderOnce(byId("status"), JSON.stringify([tone, words, view.problem]), () => [light(tone, words, "pill"), ...(view.problem ? [make("span", { class: "about" }, view.problem)] : [])]);
  for (const id of ["name", "language", "speak"]) byId(id).disabled = view.room !== null;
  setAttribute(byId("enter"), "aria-disabled", view.room ? "true" : null);
  setAttribute(byId("leave"), "aria-disabled", view.room ? null : "true");
}

function line(text, speaker) {
  byId("empty").hidden = true;
  keepingEnd(byId("scroller"), () => {
    byId("lines").append(make("li", { class: "line" }, make("span", { class: "when" }, speaker.slice(-4)), make("span", { lang: view.language }, text)));
    while (byId("lines").children.length > MOST_LINES) byId("lines").firstChild.remove();
  });
}

function level(audio) {
  audio.volume = Number(byId("volume").value);
}

/** What keeps sts from interpreting, where it does. */
async function refresh() {
  if (view.inside && !document.hidden) {
    const rooms = await interpretedRooms().catch(() => []);
    const problem = rooms.find(({ room }) => room === view.name)?.problem ?? "";
    view.problem = problem && `Not everything is interpreted: ${problem}`;
    render();
  }
  setTimeout(refresh, EVERY);
}

byId("room").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
byId("leave").addEventListener("click", leave);
byId("volume").addEventListener("input", () => document.querySelectorAll("audio").forEach(level));
addEventListener("pagehide", leave);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
byId("language").replaceChildren(...COMMON_LANGUAGES.map((code) => make("option", { value: code }, languageName(code))));
byId("language").value = COMMON_LANGUAGES.find((code) => navigator.language.startsWith(code)) ?? "en";

new Health(byId("lights")).check();
render();
refresh();
byId("unloaded").remove();
