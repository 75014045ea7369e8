// The objections of a call, newest first, with what may be said to them, and how many there are of each kind.

import { clock } from "../live/lines.js";
import { byId, make, renderOnce, shape } from "../dom.js";
import { count } from "../words.js";
import { VOICES } from "./conversation.js";

/** Draws objections; `show(objection)` is called where somebody wants to see where it was said. */
export class Objections {
  #show;
  #known = new Map();

  constructor(show) {
    this.#show = show;
  }

  clear() {
    this.#known.clear();
    byId("objections").replaceChildren();
    this.#count();
  }

  /** Takes objections in, in whatever order; gives those that are new. */
  add(objections) {
    const fresh = objections.filter(({ id }) => !this.#known.has(id)).sort((one, other) => one.start - other.start);
    for (const objection of fresh) {
      this.#known.set(objection.id, objection);
      byId("objections").prepend(this.#card(objection));
    }
    this.#count();
    return fresh;
  }

  /** Every objection that is shown. */
  get all() {
    return [...this.#known.values()];
  }

  #card(objection) {
    const { kind, start, confidence, smokescreen, quote, answers, channel } = objection;
    const when = make("button", { type: "button", class: "seek", "aria-label": `Show in the transcript, ${clock(start)}` }, clock(start));
    when.addEventListener("click", () => this.#show(objection));
    const sure = `${Math.round(confidence * 100)} % sure`;
    return make(
      "li",
      { class: "objection" },
      make("header", {}, make("h3", {}, named(kind)), when, make("span", { class: "small quiet" }, [sure, VOICES[channel]].filter(Boolean).join(" · "))),
      smokescreen ? make("p", { class: "smoke" }, shape("warning"), " May be a smokescreen: another reason may stand behind it.") : null,
      make("blockquote", {}, quote),
      answers.length
        ? make("details", {}, make("summary", {}, count(answers.length, "answer")), make("ul", {}, ...answers.map((answer) => make("li", {}, answer))))
        : null,
    );
  }

  #count() {
    const kinds = new Map();
    for (const { kind } of this.#known.values()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const ordered = [...kinds].sort(([, one], [, other]) => other - one);
    renderOnce(byId("counts"), JSON.stringify(ordered), () => ordered.map(([kind, number]) => make("li", {}, `${named(kind)} `, make("b", {}, String(number)))));
    byId("found-empty").hidden = this.#known.size > 0;
  }
}

/** A kind as a heading: "Status quo". */
export const named = (kind) => kind.charAt(0).toUpperCase() + kind.slice(1);
