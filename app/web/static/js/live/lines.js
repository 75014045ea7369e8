// Committed lines and the words that may still change, drawn without flicker.

import { make, setText } from "../dom.js";

const NEAR = 48;

/** "1:05" for seconds since the beginning. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** Runs a change of what stands in a scroller, and stays at its end where the reader was there. */
export function keepingEnd(scroller, change) {
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
  change();
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}

/** A list of committed lines, with the running words of one voice under it. */
export class Lines {
  #scroller;
  #list;
  #partial;
  #empty;
  #drawn = 0;

  constructor({ scroller, list, partial, empty }) {
    this.#scroller = scroller;
    this.#list = list;
    this.#partial = partial;
    this.#empty = empty;
  }

  draw(transcript) {
    keepingEnd(this.#scroller, () => {
      if (transcript.segments.length < this.#drawn) {
        this.#list.replaceChildren();
        this.#drawn = 0;
      }
      for (const segment of transcript.segments.slice(this.#drawn)) this.#list.append(line(segment));
      this.#drawn = transcript.segments.length;
      setText(this.#partial, transcript.partial);
      this.#partial.hidden = !transcript.partial;
      this.#empty.hidden = Boolean(this.#drawn || transcript.partial);
    });
  }
}

function line({ start, text }) {
  return make("li", { class: "line" }, make("span", { class: "when" }, clock(start)), " ", make("span", { class: "said" }, text));
}
