// Records from the microphone into a file that is sent like any other; what was recorded survives the page.

import { byId, make, setText } from "../dom.js";
import { clock } from "../live/lines.js";
import { openMicrophone } from "../sound/microphone.js";
import { RATE, loudness } from "../sound/pcm.js";
import { SoundProblem } from "../sound/problem.js";
import { waveFile } from "../sound/wave.js";
import { Kept } from "./kept.js";
import { wishes } from "./sends.js";
import { day } from "./wording.js";

const PIECES_AT_ONCE = 10;

/** The recorder. `onFile(file, said, onArrived)` sends what was recorded; `onArrived` is called once it is there. */
export class Recorder {
  #kept = new Kept();
  #onFile;
  #about = null;
  #pieces = [];
  #waiting = [];
  #samples = 0;
  #stop = null;
  #letGo = () => {};

  constructor(onFile) {
    this.#onFile = onFile;
    byId("record").addEventListener("click", () => this.#start());
    byId("record-stop").addEventListener("click", () => this.#end(true));
    byId("record-leave").addEventListener("click", () => this.#end(false));
    this.#offer();
  }

  /** Whether it records now. */
  get busy() {
    return this.#about !== null;
  }

  async #start() {
    if (this.busy) return;
    const said = { title: byId("title").value.trim(), ...wishes() };
    this.#about = { id: `${Date.now()}-${Math.random()}`, began: Date.now(), said };
    [this.#pieces, this.#waiting, this.#samples] = [[], [], 0];
    this.#complain("");
    try {
      this.#stop = await openMicrophone((samples) => this.#take(samples), () => this.#end(true, "The microphone was unplugged; what was said until then is sent."));
    } catch (error) {
      this.#about = null;
      if (!(error instanceof SoundProblem)) throw error;
      this.#complain(error.message);
      return;
    }
    // While this page holds the lock, no other one takes the recording for one that was interrupted.
    navigator.locks?.request(lockOf(this.#about), () => new Promise((resolve) => (this.#letGo = resolve)));
    if (!(await this.#kept.begin(this.#about))) this.#complain("This browser keeps nothing: don’t close the page before it is sent.");
    byId("title").value = "";
    this.#show();
    byId("record-stop").focus();
  }

  #take(samples) {
    this.#samples += samples.length;
    this.#waiting.push(samples);
    if (this.#waiting.length >= PIECES_AT_ONCE) this.#put();
    byId("level").setAttribute("width", String(Math.round(loudness(samples) * 100)));
    setText(byId("record-time"), clock(this.#samples / RATE));
  }

  #put() {
    if (!this.#waiting.length) return;
    const piece = new Blob(this.#waiting);
    this.#waiting = [];
    this.#pieces.push(piece);
    // What can't be kept is still here.
    this.#kept.add(this.#about.id, piece).catch(() => {});
  }

  async #end(wanted, why = "") {
    const [stop, about] = [this.#stop, this.#about];
    if (!stop) return;
    this.#stop = null;
    await stop();
    this.#put();
    this.#about = null;
    this.#letGo();
    this.#show();
    this.#complain(why);
    byId("record").focus();
    if (wanted && this.#samples) this.#send(about, this.#pieces);
    else this.#kept.drop(about.id);
  }

  #send(about, pieces) {
    const name = `Recording ${day(about.began)}`;
    const file = waveFile(`${name.replaceAll(":", ".")}.wav`, pieces, about.began);
    this.#onFile(file, { ...about.said, title: about.said.title || name }, () => this.#kept.drop(about.id));
  }

  #show() {
    const on = this.busy;
    byId("record").hidden = on;
    byId("recording").hidden = !on;
    setText(byId("announcer"), on ? "Recording." : "Not recording any more.");
    setText(byId("record-time"), "0:00");
  }

  #complain(words) {
    setText(byId("record-problem"), words);
    byId("record-problem").hidden = !words;
  }

  /** Shows what was not sent before its page was gone. */
  async #offer() {
    const held = new Set(((await navigator.locks?.query())?.held ?? []).map(({ name }) => name));
    for (const about of await this.#kept.every()) {
      if (held.has(lockOf(about))) continue;
      const pieces = await this.#kept.pieces(about.id);
      const seconds = pieces.reduce((sum, piece) => sum + piece.size, 0) / 2 / RATE;
      if (!seconds) {
        this.#kept.drop(about.id);
        continue;
      }
      const button = (words, act, style) => {
        const made = make("button", { type: "button", class: style }, words);
        made.addEventListener("click", () => {
          row.remove();
          act();
        });
        return made;
      };
      const buttons = [button("Send it", () => this.#send(about, pieces), "primary"), button("Throw away", () => this.#kept.drop(about.id))];
      const row = make("li", { class: "entry" }, make("span", { class: "name" }, about.said.title || `Recording ${day(about.began)}`), make("span", { class: "row" }, ...buttons), make("span", { class: "about quiet" }, `${clock(seconds)}, not sent before its page was closed`));
      byId("kept").append(row);
    }
  }
}

const lockOf = ({ id }) => `recording ${id}`;
