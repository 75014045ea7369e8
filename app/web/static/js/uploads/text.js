// The text of a transcript: phrases whose words are lit while they are spoken, and one that is edited.

import { byId, make } from "../dom.js";
import { clock } from "../live/lines.js";
import { Editor } from "./editor.js";

/** The phrases. `onSeek(second)` is told where to jump to; `edit` makes an edit of a segment. */
export class Text {
  #rows = [];
  #lit = null;
  #follows = null;
  #editor = null;
  #onSeek;
  #edit;
  #names = {};
  #editable = false;

  constructor({ onSeek, edit }) {
    this.#onSeek = onSeek;
    this.#edit = edit;
    byId("text").addEventListener("click", (event) => this.#clicked(event));
  }

  get editing() {
    return this.#editor !== null;
  }

  clear() {
    this.#stopEditing();
    this.#rows = [];
    this.#lit = this.#follows = null;
    byId("text").replaceChildren();
  }

  /** Draws what differs from what stands there. */
  draw({ segments, speakers, state }) {
    this.#names = speakers;
    this.#editable = state === "done";
    const known = new Map(this.#rows.map((row) => [row.key, row]));
    this.#rows = segments.map((segment) => {
      const key = JSON.stringify([segment, this.#nameOf(segment), this.#editable]);
      return known.get(key) ?? { key, segment, whole: null, words: [] };
    });
    let place = byId("text").firstElementChild;
    const kept = new Set(this.#rows.map(({ whole }) => whole));
    for (const row of this.#rows) {
      while (place && !kept.has(place)) place = removed(place);
      if (!row.whole) this.#build(row);
      if (row.whole === place) place = place.nextElementSibling;
      else byId("text").insertBefore(row.whole, place);
    }
    while (place) place = removed(place);
    byId("no-text").hidden = segments.length > 0;
  }

  /** Lights the word that is spoken at that second, and follows it while it plays. */
  light(second, playing) {
    const at = last(this.#rows, ({ segment }) => segment.start <= second);
    const row = this.#rows[at];
    const word = row?.words[last(row.segment.words, ([, start]) => start <= second)] ?? null;
    const spoken = word && second <= row.segment.end + 0.3 ? word : null;
    if (spoken !== this.#lit) {
      this.#lit?.classList.remove("now");
      spoken?.classList.add("now");
      this.#lit = spoken;
    }
    if (!playing || !row || row === this.#follows || this.editing) return;
    this.#follows = row;
    const { top, bottom } = row.whole.getBoundingClientRect();
    if (top < 200 || bottom > innerHeight) row.whole.scrollIntoView({ block: "center" });
  }

  /** Shows the phrase of that second. */
  show(second) {
    const row = this.#rows[Math.max(0, last(this.#rows, ({ segment }) => segment.start <= second + 0.1))];
    for (const each of byId("text").querySelectorAll(".target")) each.classList.remove("target");
    if (!row) return;
    row.whole.classList.add("target");
    row.whole.scrollIntoView({ block: "center" });
    row.whole.querySelector(".seek").focus({ preventScroll: true });
  }

  #nameOf({ speaker }) {
    return this.#names[speaker] ?? speaker;
  }

  #build(row) {
    const { segment } = row;
    row.words = segment.words.map(([text]) => make("span", {}, text));
    const name = this.#nameOf(segment);
    const words = make("p", { class: "words" }, name ? make("b", {}, name) : null, ...row.words.flatMap((word) => [word, " "]));
    const seek = make("button", { type: "button", class: "seek", "aria-label": `Play from ${clock(segment.start)}` }, clock(segment.start));
    const edit = this.#editable ? make("button", { type: "button", class: "edit", "aria-label": `Edit the phrase at ${clock(segment.start)}` }, "Edit") : null;
    row.whole = make("li", { class: segment.paragraph ? "line paragraph" : "line" }, seek, words, edit);
  }

  #clicked({ target }) {
    const row = this.#rows.find(({ whole }) => whole.contains(target));
    if (!row || target.closest(".editor")) return;
    const word = row.words.indexOf(target);
    if (word >= 0) this.#onSeek(row.segment.words[word][1]);
    if (target.closest(".seek")) this.#onSeek(row.segment.start);
    if (target.closest(".edit")) this.#startEditing(row);
  }

  #startEditing(row, typed) {
    this.#stopEditing();
    const speakers = [...new Set(this.#rows.map(({ segment }) => segment.speaker).filter(Boolean))];
    const hasNext = row !== this.#rows.at(-1);
    const editor = new Editor(row.segment, { speakers, hasNext, typed }, async (edits) => {
      this.#stopEditing();
      const done = await this.#edit(row.segment.id, edits);
      const now = this.#rows.find(({ segment }) => segment.id === row.segment.id);
      // What was typed is not lost where it could not be saved.
      if (!done && now) this.#startEditing(now, editor.typed);
      else now?.whole.querySelector(".edit")?.focus({ preventScroll: true });
    });
    this.#editor = editor;
    row.whole.append(this.#editor.whole);
    this.#editor.focus();
  }

  #stopEditing() {
    this.#editor?.whole.remove();
    this.#editor = null;
  }
}

function removed(element) {
  const next = element.nextElementSibling;
  element.remove();
  return next;
}

/** The last place in a sorted list where `isSo` holds, or -1. */
function last(list, isSo) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isSo(list[middle])) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
