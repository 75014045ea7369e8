// The phrase log: newest first, bounded.

import { light, make } from "./dom.js";
import { OUTCOME, seconds, timeOfDay } from "./words.js";

const ROWS = 200;

/** A table body that holds the last phrases of one dub. */
export class PhraseLog {
  #body;
  #empty;
  #rows = new Map();

  constructor(body, empty) {
    this.#body = body;
    this.#empty = empty;
  }

  /** Shows these phrases alone. `languages` are of the original and of the dub. */
  reset(phrases, languages) {
    this.#rows.clear();
    this.#body.replaceChildren();
    for (const phrase of [...phrases].sort((one, other) => one.id - other.id)) this.add(phrase, languages);
    this.#tidy();
  }

  /** Adds a phrase on top, or changes it where it is there. */
  add(phrase, languages) {
    const row = buildRow(phrase, languages);
    const old = this.#rows.get(phrase.id);
    if (old) old.replaceWith(row);
    else this.#body.prepend(row);
    this.#rows.set(phrase.id, row);
    if (this.#rows.size > ROWS) {
      const [oldest] = this.#rows.keys();
      this.#rows.get(oldest).remove();
      this.#rows.delete(oldest);
    }
    this.#tidy();
  }

  #tidy() {
    this.#empty.hidden = this.#rows.size > 0;
  }
}

function buildRow(phrase, languages) {
  const [words, tone] = OUTCOME[phrase.outcome] ?? [phrase.outcome, "idle"];
  const outcome = make("td", { role: "cell", "data-name": "Outcome" }, light(tone, words));
  if (phrase.reason) outcome.append(make("span", { class: "reason quiet" }, phrase.reason));
  const heard = phrase.outcome === "in_time" || phrase.outcome === "late";
  return make(
    "tr",
    { role: "row" },
    make("td", { role: "cell", class: "time", "data-name": "Time" }, timeOfDay(phrase.shown_at)),
    make("td", { role: "cell", lang: languages.source, "data-name": "Original" }, phrase.source || "–"),
    make("td", { role: "cell", lang: languages.target, "data-name": "Translation" }, phrase.target || "–"),
    outcome,
    make("td", { role: "cell", class: "number", "data-name": "Lag" }, heard ? seconds(phrase.lateness) : "–"),
  );
}

/** Links to the whole log and the captions. */
export function renderDownloads(list, address, languageNames) {
  const links = [
    ["Phrase log (JSON lines)", "/phrases.jsonl", "jsonl"],
    [`${languageNames.target} captions (WebVTT)`, "/captions.vtt?text=target", "vtt"],
    [`${languageNames.source} captions (WebVTT)`, "/captions.vtt?text=source", "vtt"],
  ];
  const key = links.map(([words, rest]) => words + address(rest)).join();
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...links.map(([words, rest]) => make("li", {}, make("a", { href: address(rest), download: true }, words))),
  );
}
