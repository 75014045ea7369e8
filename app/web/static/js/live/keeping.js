// The live transcript, and the sound that it was made of, kept as a transcript in the archive.

import { RequestFailed } from "../api.js";
import { byId, make, setAttribute } from "../dom.js";
import { RATE } from "../sound/pcm.js";
import { waveFile } from "../sound/wave.js";
import { keepText, listTranscripts } from "../uploads/api.js";
import { Upload } from "../uploads/tus.js";
import { day, placeOf } from "../uploads/wording.js";

const PIECES_AT_ONCE = 300;
// Three hours, which are 350 MB; of what is longer the text alone is kept.
const LONGEST = 3 * 3600 * RATE;

/** The button, which is there where the archive is. */
export class Keeping {
  #began = 0;
  #blobs = [];
  #waiting = [];
  #samples = 0;
  #there = false;
  #about = null;
  #busy = false;
  #done = false;

  constructor(about) {
    this.#about = about;
    byId("keep").addEventListener("click", () => this.#keep());
    this.look();
  }

  /** Asks whether the archive is there. */
  async look() {
    try {
      await listTranscripts(1);
      this.#there = true;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      this.#there = false;
    }
    byId("keep").hidden = !this.#there;
  }

  /** A new transcript begins. */
  begin() {
    [this.#blobs, this.#waiting, this.#samples, this.#began] = [[], [], 0, Date.now()];
    this.#done = false;
    this.#tell("");
  }

  /** The next piece of its sound. */
  hear(samples) {
    this.#samples += samples.length;
    if (this.#samples > LONGEST) {
      [this.#blobs, this.#waiting] = [[], []];
      return;
    }
    this.#waiting.push(samples);
    // A browser may put what is in a Blob on its disk.
    if (this.#waiting.length >= PIECES_AT_ONCE) this.#blobs.push(new Blob(this.#waiting.splice(0)));
  }

  /** Whether there is something to keep, which does not change any more. */
  draw(ready) {
    setAttribute(byId("keep"), "aria-disabled", ready && !this.#busy && !this.#done ? null : "true");
  }

  async #keep() {
    if (byId("keep").getAttribute("aria-disabled") === "true") return;
    const { segments, language } = this.#about();
    const title = `Live ${day(this.#began || Date.now())}`;
    const sound = [...this.#blobs, ...this.#waiting];
    const file = sound.length ? waveFile(`${title.replaceAll(":", ".")}.wav`, sound, this.#began) : null;
    this.#busy = true;
    this.draw(false);
    try {
      this.#tell("The text is being kept…");
      const { id } = await keepText({ title, language, segments, sound: Boolean(file) });
      const whole = file ? await this.#send(file, id) : id;
      this.#done = true;
      this.#tell("Kept: ", make("a", { href: `/uploads/${placeOf(whole)}` }, title), file && whole === id ? ". Its sound was not taken." : "");
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      this.#tell(`It was not kept: ${error.message}.`);
    }
    this.#busy = false;
    this.draw(true);
  }

  /** Sends the sound of a text, for as long as the line is down too; the id of what has both. */
  async #send(file, text) {
    const upload = new Upload(file, { filename: file.name, text_of: text }, ({ state, sent }) => {
      const lost = state === "lost" ? " Interrupted; it goes on by itself." : "";
      this.#tell(`The text is kept; its sound: ${Math.floor((100 * sent) / file.size)} %.${lost}`);
    });
    await upload.run();
    return upload.state === "done" ? upload.id : text;
  }

  #tell(...words) {
    byId("kept").replaceChildren(...words);
  }
}
