// The form in which a phrase is edited: its text and speaker, split and merge.

import { make } from "../dom.js";

/** A form for a segment. `onEnd(edits)` is told what to do, in order; nothing where it was left. */
export class Editor {
  #segment;
  #text;
  #speaker;
  #onEnd;

  constructor(segment, { speakers, hasNext, typed }, onEnd) {
    this.#segment = segment;
    this.#onEnd = onEnd;
    this.#text = make("textarea", { rows: 3, maxlength: 20000, "aria-label": "Text of the phrase", "aria-keyshortcuts": "Enter Escape" });
    this.#text.value = typed ?? textOf(segment);
    this.#speaker = make("input", { type: "text", maxlength: 100, "aria-label": "Speaker", placeholder: "Speaker", list: "known-speakers", autocomplete: "off" });
    this.#speaker.value = segment.speaker;
    const known = make("datalist", { id: "known-speakers" }, ...speakers.map((name) => make("option", { value: name })));
    const buttons = [
      button("Save", () => this.#save(), "primary"),
      button("Leave", () => onEnd([])),
      button("Split at the cursor", () => this.#split()),
      ...(hasNext ? [button("Merge with the next", () => this.#save([{ what: "merge" }]))] : []),
    ];
    this.whole = make("div", { class: "editor", role: "group", "aria-label": "Edit the phrase" }, this.#text, make("div", { class: "row" }, this.#speaker, known, ...buttons));
    this.whole.addEventListener("keydown", (event) => this.#key(event));
  }

  /** What stands in its field. */
  get typed() {
    return this.#text.value;
  }

  focus() {
    this.#text.focus();
  }

  #key(event) {
    if (event.key === "Escape") this.#onEnd([]);
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !event.target.closest("button")) this.#save();
    else return;
    event.preventDefault();
  }

  #save(more = []) {
    const [text, speaker] = [wordsOf(this.#text.value).join(" "), this.#speaker.value.trim()];
    const edits = [];
    if (text !== textOf(this.#segment)) edits.push({ what: "text", text });
    if (speaker !== this.#segment.speaker) edits.push({ what: "speaker", text: speaker });
    this.#onEnd([...edits, ...more]);
  }

  /** In two before the cursor; within a word, after it. */
  #split() {
    this.#save([{ what: "split", word: wordsOf(this.#text.value.slice(0, this.#text.selectionStart)).length }]);
  }
}

const wordsOf = (text) => text.split(/\s+/).filter(Boolean);
const textOf = ({ words }) => words.map(([text]) => text).join(" ");

function button(words, act, style) {
  const made = make("button", { type: "button", class: style }, words);
  made.addEventListener("click", act);
  return made;
}
