// Which sound track of the source is dubbed, and which one goes on beside the dub.

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

/** Two choices, shown where there is one to make; each holds at once. */
export class TrackChoice {
  #stream = null;
  #tracks = [];
  #seen = "";
  #chosen = { voice: 0, background: 0 };
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    byId("dubbed-track").addEventListener("change", () => this.#choose("dubbed-track"));
    byId("background-track").addEventListener("change", () => this.#choose("background-track"));
  }

  /** Shows the tracks of the dub that is looked at, and what each is used as. */
  render(stream, dub, usable) {
    this.#stream = stream;
    this.#tracks = soundTracks(stream, dub);
    byId("tracks").hidden = this.#tracks.length < 2;
    const used = this.#used();
    const seen = JSON.stringify([dub.stream, used]);
    if (seen !== this.#seen) [this.#seen, this.#chosen] = [seen, used];
    this.#options("dubbed-track", used.voice, [[0, "Found by the titles"]], usable);
    this.#options("background-track", used.background, [[0, "None: the dub is mixed over the sound"]], usable);
  }

  #used() {
    const number = (use) => this.#tracks.find((track) => track.use === use)?.number ?? 0;
    return { voice: number("voice"), background: number("background") };
  }

  #options(id, chosen, first, usable) {
    const select = byId(id);
    select.disabled = !usable || !this.#stream;
    const all = [...first, ...this.#tracks.map((track) => [track.number, nameOf(track)])];
    renderOnce(select, JSON.stringify([all, chosen]), () => all.map(([value, words]) => make("option", { value: String(value), selected: value === chosen }, words)));
  }

  async #choose(id) {
    const to = Number(byId(id).value);
    // What the worker tells of comes a little after it was chosen.
    const before = this.#chosen;
    const [mine, other] = id === "dubbed-track" ? ["voice", "background"] : ["background", "voice"];
    const chosen = { ...before, [mine]: to };
    if (to && chosen[other] === to) chosen[other] = before[mine];
    if (id === "dubbed-track" && !to) chosen.background = 0;
    const problem = byId("tracks-problem");
    problem.hidden = true;
    try {
      const profile = await profileOf(this.#stream.name);
      await editProfile(this.#stream.name, { ...profile, voice_track: chosen.voice, background_track: chosen.background });
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

function nameOf({ number, title, language, codec, detail }) {
  const said = [title, language && `(${language})`].filter(Boolean).join(" ");
  return `${number}: ${said || [codec, detail].filter(Boolean).join(", ")}`;
}
