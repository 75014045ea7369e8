// What was said in a call: lines of both voices in order of time, and the words that may still change.

import { clock, keepingEnd } from "../live/lines.js";
import { byId, make, setText } from "../dom.js";

export const VOICES = { seller: "Seller", customer: "Customer", call: "" };

/** Draws segments and partials of one call. */
export class Conversation {
  #segments = new Map();
  #rows = new Map();
  #partials = new Map();

  clear() {
    this.#segments.clear();
    this.#rows.clear();
    this.#partials.clear();
    byId("lines").replaceChildren();
    byId("partials").replaceChildren();
    this.#showEmpty();
  }

  add(segments) {
    keepingEnd(byId("scroller"), () => {
      for (const segment of segments) if (!this.#rows.has(segment.id)) this.#insert(segment);
      this.#showEmpty();
    });
  }

  /** Replaces the running words of a channel; an empty text takes them away. */
  partial({ channel, text }) {
    keepingEnd(byId("scroller"), () => {
      let row = this.#partials.get(channel);
      if (!row) {
        row = make("p", { class: "partial" }, ...voice(channel), make("span", {}));
        this.#partials.set(channel, row);
        byId("partials").append(row);
      }
      setText(row.lastElementChild, text);
      row.hidden = !text;
      this.#showEmpty();
    });
  }

  /** Marks the lines in which an objection was heard, and gives the first, or null. */
  mark({ channel, kind, start, end }) {
    const heard = [...this.#segments.values()].filter((one) => one.channel === channel && one.start < end && one.end > start);
    for (const { id } of heard) {
      const row = this.#rows.get(id);
      if (row.querySelector(`[data-kind="${CSS.escape(kind)}"]`)) continue;
      row.querySelector(".said").append(" ", make("span", { class: "tag", "data-kind": kind }, kind));
    }
    return heard.length ? this.#rows.get(heard[0].id) : null;
  }

  #insert(segment) {
    const row = make(
      "li",
      { class: `line ${segment.channel}`, tabindex: -1 },
      make("span", { class: "when" }, clock(segment.start)),
      " ",
      make("span", { class: "said" }, ...voice(segment.channel), segment.text),
    );
    const later = [...this.#segments.values()].filter((one) => one.start > segment.start).sort((one, other) => one.start - other.start)[0];
    byId("lines").insertBefore(row, later ? this.#rows.get(later.id) : null);
    this.#segments.set(segment.id, segment);
    this.#rows.set(segment.id, row);
  }

  #showEmpty() {
    byId("empty").hidden = this.#segments.size > 0 || [...this.#partials.values()].some((row) => !row.hidden);
  }
}

function voice(channel) {
  return VOICES[channel] ? [make("b", { class: `voice ${channel}` }, VOICES[channel]), " "] : [];
}
