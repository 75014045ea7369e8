// The form in which people choose where sound comes from: microphone, file, and what a page adds.

import { byId } from "../dom.js";
import { FilePlayer, decoded } from "./file.js";
import { openMicrophone } from "./microphone.js";
import { SoundProblem } from "./problem.js";
import { loudness, mixed } from "./pcm.js";

const SILENT_FOR = 3_000;
const SILENT_BELOW = 0.02;

/** Reads the form; what is chosen becomes sound. */
export class Source {
  #form;
  #stop = null;
  #player = null;
  #heardAt = 0;

  constructor(form) {
    this.#form = form;
    form.addEventListener("change", () => this.#show());
    this.#show();
  }

  /** "microphone", "file", or another value of the form's source. */
  get kind() {
    return this.#form.querySelector("[name=source]:checked").value;
  }

  /** "0:12 of 1:40" while a file is sent, otherwise nothing. */
  get progress() {
    return this.#player ? { position: this.#player.position, seconds: this.#player.seconds } : null;
  }

  /** What to call the recording. */
  get title() {
    return this.kind === "file" ? (byId("file").files[0]?.name ?? "") : "";
  }

  /**
   * Makes the source ready. Gives its number of channels and `start({hasRoom, onSound, onEnd})`, after which
   * `onSound(channel, samples)` gets pieces of 100 ms; `onEnd` may be told why it ended. `mono` mixes a file's channels. Raises SoundProblem.
   */
  async open(mono) {
    if (this.kind === "microphone") return this.#microphone();
    const file = byId("file").files[0];
    if (!file) {
      byId("file").focus();
      throw new SoundProblem("Choose a file first.");
    }
    return this.#file(await decoded(file), mono);
  }

  /** A file that the page brings along. Raises SoundProblem. */
  async openAddress(address) {
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) throw new SoundProblem((await answer?.json().catch(() => null))?.detail ?? "The console cannot be reached.");
    return this.#file(await decoded(await answer.blob()), false);
  }

  /** Stops; the last piece is handed over before the promise is kept. */
  async stop() {
    const stop = this.#stop;
    this.#stop = null;
    await stop?.();
    this.#player = null;
    this.#draw(0);
  }

  async #microphone() {
    let take = () => {};
    let ended = () => {};
    this.#heardAt = Date.now();
    const close = await openMicrophone((samples) => take(samples), () => ended());
    this.#stop = close;
    return {
      channels: 1,
      start: ({ onSound, onEnd }) => {
        take = (samples) => {
          this.#hear(samples);
          onSound(0, samples);
        };
        ended = () => onEnd("The microphone was unplugged.");
      },
    };
  }

  #file(found, mono) {
    const channels = mono ? [mixed(found)] : found;
    return {
      channels: channels.length,
      start: ({ hasRoom, onSound, onEnd }) => {
        this.#heardAt = Infinity;
        const hear = (channel, samples) => {
          if (channel === 0) this.#hear(samples);
          onSound(channel, samples);
        };
        const speed = Number(byId("speed")?.value ?? 1);
        this.#player = new FilePlayer(channels, speed, { hasRoom, onSound: hear, onEnd });
        this.#stop = async () => this.#player?.stop();
      },
    };
  }

  #hear(samples) {
    const level = loudness(samples);
    if (level > SILENT_BELOW && this.#heardAt !== Infinity) this.#heardAt = Date.now();
    this.#draw(level);
  }

  #draw(level) {
    byId("level").setAttribute("width", String(Math.round(level * 100)));
    byId("silent").hidden = !this.#stop || Date.now() - this.#heardAt < SILENT_FOR;
  }

  #show() {
    byId("file-fields").hidden = this.kind !== "file";
    byId("microphone-fields").hidden = this.kind !== "microphone";
    const more = byId("sample-fields");
    if (more) more.hidden = this.kind !== "sample";
  }

  /** While sound comes in, the choice stands. */
  lock(locked) {
    for (const field of this.#form.querySelectorAll("fieldset")) field.disabled = locked;
  }
}
