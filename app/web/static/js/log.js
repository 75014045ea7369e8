// The phrase log: newest first, bounded.

import { light, make } from "./dom.js";
import { playButton } from "./recorded.js";
import { speakerName } from "./speakers.js";
import { OUTCOME, seconds, timeOfDay } from "./words.js";

const ROWS = 200;

/** A table body that holds the last phrases of one dub. */
export class PhraseLog {
  #body;
  #empty;
  #phrases = new Map();
  #rows = new Map();

  constructor(body, empty) {
    this.#body = body;
    this.#empty = empty;
  }

  /** The phrases that are shown, oldest first. */
  get phrases() {
    return [...this.#phrases.values()];
  }

  clear() {
    this.#phrases.clear();
    this.#rows.clear();
    this.#body.replaceChildren();
    this.#empty.hidden = false;
  }

  /** Takes phrases in, in whatever order. `languages` are of the original and of the dub. */
  add(phrases, languages) {
    const newest = this.phrases.at(-1)?.shown_at ?? -Infinity;
    for (const phrase of phrases) this.#phrases.set(keyOf(phrase), phrase);
    if (phrases.some((phrase) => phrase.shown_at < newest)) this.#sort();
    while (this.#phrases.size > ROWS) this.#phrases.delete(this.#phrases.keys().next().value);
    this.#draw(languages);
  }

  #sort() {
    const ordered = [...this.#phrases].sort(([, one], [, other]) => one.shown_at - other.shown_at);
    this.#phrases = new Map(ordered);
  }

  #draw(languages) {
    for (const [key, row] of this.#rows) {
      if (this.#phrases.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let older = null;
    for (const [key, phrase] of this.#phrases) {
      if (!this.#rows.has(key)) this.#rows.set(key, buildRow(phrase, languages));
      const row = this.#rows.get(key);
      // Rows in their place are not touched, so that a selection in them stays.
      if (row.nextElementSibling !== older || !row.isConnected) this.#body.insertBefore(row, older);
      older = row;
    }
    this.#empty.hidden = this.#rows.size > 0;
  }
}

// Ids begin anew with a stream that was published anew.
const keyOf = (phrase) => `${phrase.id}@${phrase.shown_at}`;

function buildRow(phrase, languages) {
  const [words, tone] = OUTCOME[phrase.outcome] ?? [phrase.outcome, "idle"];
  const outcome = make("td", { role: "cell", "data-name": "Outcome" }, light(tone, words));
  if (phrase.reason) outcome.append(make("span", { class: "reason quiet" }, phrase.reason));
  const heard = phrase.outcome === "in_time" || phrase.outcome === "late";
  return make(
    "tr",
    { role: "row" },
    make("td", { role: "cell", class: "time", "data-name": "Time" }, timeOfDay(phrase.shown_at)),
    make("td", { role: "cell", lang: languages.source, "data-name": "Original" }, playButton(phrase, "original"), phrase.speaker ? make("span", { class: "reason quiet", lang: "en" }, speakerName(phrase.speaker)) : null, phrase.source || "–"),
    make("td", { role: "cell", lang: languages.target, "data-name": "Translation" }, playButton(phrase, "dub"), phrase.target || "–"),
    outcome,
    make("td", { role: "cell", class: "number", "data-name": "Lag" }, heard ? seconds(phrase.lateness) : "–"),
  );
}

/** Links to the whole log and the captions, and to the recorded phrases where `recordings` is their address. */
export function renderDownloads(list, address, languageNames, recordings) {
  const links = [
    ["Phrase log (JSON lines)", "/phrases.jsonl", "jsonl"],
    [`${languageNames.target} captions (WebVTT)`, "/captions.vtt?text=target", "vtt"],
    [`${languageNames.source} captions (WebVTT)`, "/captions.vtt?text=source", "vtt"],
  ];
  const key = links.map(([words, rest]) => words + address(rest)).join() + recordings;
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...links.map(([words, rest]) => make("li", {}, make("a", { href: address(rest), download: true }, words))),
    ...(recordings ? [make("li", {}, make("a", { href: recordings, download: true }, "Download recorded phrases (ZIP)"))] : []),
  );
}
