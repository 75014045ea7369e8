// Recorded phrases: the switch that records, and the buttons that play both sounds of a phrase.

import { RequestFailed, recordPhrases, recordedAddress } from "./api.js";
import { make, setText } from "./dom.js";

const sound = new Audio();
let pressed = null;

function released() {
  pressed?.setAttribute("aria-pressed", "false");
  pressed = null;
}
for (const over of ["ended", "error"]) sound.addEventListener(over, released);

/** Ends what plays. */
export function silence() {
  sound.pause();
  released();
}

/** A button that plays one sound of a phrase, `original` or `dub`; null where none is kept. */
export function playButton(phrase, which) {
  const heard = which === "original" || phrase.outcome === "in_time" || phrase.outcome === "late";
  if (!phrase.recorded || !heard) return null;
  const words = which === "dub" ? phrase.target : phrase.source;
  const button = make(
    "button",
    { type: "button", class: "play", "aria-pressed": "false", "aria-label": `Play the ${which}${words ? `: ${words}` : ""}` },
    make("span", { "aria-hidden": "true" }),
  );
  button.addEventListener("click", () => {
    const stops = pressed === button;
    silence();
    if (stops) return;
    pressed = button;
    button.setAttribute("aria-pressed", "true");
    sound.src = recordedAddress(phrase.stream, phrase.language, `/${phrase.recorded}/${which}.flac`);
    sound.play().catch(() => {
      if (pressed === button) released();
    });
  });
  return button;
}

/** The switch, which follows what the dubber says. `say` is told what went wrong, or nothing. */
export class RecordSwitch {
  #box;
  #stream = null;
  #busy = false;

  constructor(box, problem) {
    this.#box = box;
    const say = (text) => {
      setText(problem, text);
      problem.hidden = !text;
    };
    box.addEventListener("change", async () => {
      this.#busy = true;
      say("");
      try {
        await recordPhrases(this.#stream.name, box.checked);
      } catch (error) {
        if (!(error instanceof RequestFailed)) throw error;
        say(`Recording phrases could not be changed: ${error.message}.`);
        box.checked = this.#stream.recording;
      } finally {
        this.#busy = false;
      }
    });
  }

  /** Shows whether the stream's phrases are recorded; null where there is no such stream. */
  render(stream, usable) {
    this.#stream = stream;
    this.#box.disabled = !stream || !usable;
    if (!this.#busy) this.#box.checked = Boolean(stream?.recording);
  }
}
