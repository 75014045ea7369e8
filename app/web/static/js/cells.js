// Streams of the other cells, where there are several: each under its cell's name, with links to its console.

import { cells, RequestFailed } from "./api.js";
import { byId, light, make, renderOnce, setAttribute, setText } from "./dom.js";
import { hashOf, streamItem } from "./streams.js";

const EVERY = 3_000;

/** The other cells: nothing is asked, and nothing seen, until they are begun with. */
export class Cells {
  #told = [];
  #changed;
  #timer = 0;

  /** `changed` is called when something else is known than before. */
  constructor(changed) {
    this.#changed = changed;
  }

  begin() {
    document.addEventListener("visibilitychange", () => !document.hidden && this.#look());
    this.#look();
  }

  /** Whether there are others. */
  get are() {
    return this.#told.length > 1;
  }

  /** Says in the page where a stream is that is not here, and gives whether it is at another cell. */
  lead(choice, isHere) {
    const cell = choice && !isHere ? this.#having(choice.stream) : null;
    byId("elsewhere").hidden = !cell;
    if (!cell) return false;
    setText(byId("elsewhere-title"), choice.stream);
    setText(byId("elsewhere-about"), `This stream is on ${cell.name}.`);
    const link = byId("elsewhere-link");
    setText(link, `Open it on ${cell.name}`);
    setAttribute(link, "href", addressIn(cell, choice.stream, choice.language));
    return true;
  }

  #having(name) {
    const has = (cell) => !cell.own && cell.console && cell.streams.some((stream) => stream.ready && stream.name === name);
    return this.#told.find(has) ?? null;
  }

  async #look() {
    clearTimeout(this.#timer);
    try {
      this.#draw((await cells()).cells);
    } catch (error) {
      // The page says already that the dubber can't be reached; what was listed stays.
      if (!(error instanceof RequestFailed)) throw error;
    }
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => this.#look(), EVERY);
  }

  #draw(told) {
    const before = JSON.stringify(this.#told);
    this.#told = told;
    if (JSON.stringify(told) === before) return;
    setText(byId("own-cell"), told.find((cell) => cell.own)?.name ?? "");
    byId("own-cell").hidden = byId("cells").hidden = !this.are;
    const others = told.filter((cell) => !cell.own);
    const focused = byId("cells").contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    renderOnce(byId("cells"), JSON.stringify(others), () => others.map(section));
    if (focused) byId("cells").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    this.#changed();
  }
}

const addressIn = (cell, stream, language) => `${cell.console}/${hashOf(stream, language)}`;

function section(cell) {
  const body = cell.answers ? list(cell) : make("p", { class: "stream" }, light("problem", "Does not answer"));
  return make("section", { class: "cell", "aria-label": cell.name }, make("h3", {}, nameOf(cell)), body);
}

function nameOf(cell) {
  return cell.console ? make("a", { href: `${cell.console}/` }, cell.name) : cell.name;
}

function list(cell) {
  if (!cell.streams.length) return make("p", { class: "quiet" }, "None.");
  const link = (language, stream) => addressIn(cell, stream.name, language);
  return make("ul", { role: "list" }, ...cell.streams.map((stream) => streamItem(inFull(stream), link)));
}

/** A stream of another cell as one of this cell is told. */
function inFull({ name, ready, dubs }) {
  return { name, ready, dubs: Object.entries(dubs).map(([language, status]) => ({ language, status })) };
}
