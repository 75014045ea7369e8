// Which sound track of the source is dubbed, or which channel of it, and what goes on beside the dub.

import { RequestFailed, editProfile, profileOf } from "./api.js";
import { byId, make, renderOnce, setText } from "./dom.js";

const SOUND = /audio|opus|vorbis|speex|g7\d\d|lpcm|flac|ac-3/i;

/** The sound tracks as the worker sees them; as the media server counts them where it reads the first alone. */
export function soundTracks(stream, dub) {
  const seen = (dub.tracks ?? []).filter((track) => track.kind === "audio" && track.number);
  const there = (stream?.source?.tracks ?? []).filter((codec) => SOUND.test(codec));
  const more = there.slice(seen.length).map((codec, index) => ({ number: seen.length + index + 1, codec, detail: "", title: "", language: "", use: "" }));
  return [...seen, ...more];
}

const CHANNELS = [["both", "Both"], ["left", "Left; the right is background"], ["right", "Right; the left is background"]];

/** Three choices, shown where there is one to make; each holds at once. */
export class TrackChoice {
  #stream = null;
  #tracks = [];
  #seen = "";
  #chosen = { voice: 0, background: 0, channel: "both" };
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    byId("dubbed-track").addEventListener("change", () => this.#choose("dubbed-track"));
    byId("background-track").addEventListener("change", () => this.#choose("background-track"));
    byId("dubbed-channel").addEventListener("change", () => this.#choose("dubbed-channel"));
  }

  /** Shows the tracks of the dub that is looked at, and what each is used as. */
  render(stream, dub, usable) {
    this.#stream = stream;
    this.#tracks = soundTracks(stream, dub);
    const several = this.#tracks.length > 1;
    const used = this.#used();
    const divisible = used.channel !== "both" || this.#tracks.some((track) => / stereo$/.test(track.detail));
    byId("tracks").hidden = !several && !divisible;
    for (const id of ["dubbed-track", "background-track"]) byId(id).parentElement.hidden = !several;
    byId("dubbed-channel").parentElement.hidden = !divisible;
    const seen = JSON.stringify([dub.stream, used]);
    if (seen !== this.#seen) [this.#seen, this.#chosen] = [seen, used];
    const numbered = this.#tracks.map((track) => [track.number, nameOf(track)]);
    this.#options("dubbed-track", used.voice, [[0, "Found by the titles"], ...numbered], usable);
    this.#options("background-track", used.background, [[0, "None: the dub is mixed over the sound"], ...numbered], usable);
    this.#options("dubbed-channel", used.channel, CHANNELS, usable);
  }

  #used() {
    const number = (use) => this.#tracks.find((track) => track.use === use)?.number ?? 0;
    const channel = this.#tracks.find((track) => track.use === "voice")?.channel || "both";
    return { voice: number("voice"), background: number("background"), channel };
  }

  #options(id, chosen, all, usable) {
    const select = byId(id);
    select.disabled = !usable || !this.#stream;
    renderOnce(select, JSON.stringify([all, chosen]), () => all.map(([value, words]) => make("option", { value: String(value), selected: value === chosen }, words)));
  }

  async #choose(id) {
    // What the worker tells of comes a little after it was chosen.
    const chosen = changed(this.#chosen, id, byId(id).value);
    const problem = byId("tracks-problem");
    problem.hidden = true;
    try {
      const profile = await profileOf(this.#stream.name);
      // A track that is the only one needs no choice: it may come over another protocol then.
      const numbers = this.#tracks.length > 1 ? { voice_track: chosen.voice, background_track: chosen.background } : {};
      await editProfile(this.#stream.name, { ...profile, ...numbers, voice_channel: chosen.channel });
      this.#chosen = chosen;
      this.#announce("Sound tracks chosen.");
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      // What the dubber goes by is shown again.
      delete byId(id).dataset.key;
      setText(problem, `Choosing the sound track failed: ${error.message}.`.replace(/\.\.$/, "."));
      problem.hidden = false;
    }
  }
}

function changed(before, id, value) {
  if (id === "dubbed-channel") return { ...before, channel: value };
  const [mine, other] = id === "dubbed-track" ? ["voice", "background"] : ["background", "voice"];
  const to = Number(value);
  const chosen = { ...before, [mine]: to };
  if (to && chosen[other] === to) chosen[other] = before[mine];
  if (mine === "voice" && !to) chosen.background = 0;
  return chosen;
}

function nameOf({ number, title, language, codec, detail }) {
  const said = [title, language && `(${language})`].filter(Boolean).join(" ");
  return `${number}: ${said || [codec, detail].filter(Boolean).join(", ")}`;
}
