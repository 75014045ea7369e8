// What a language model makes of a transcript: its summary, and the words that it would change, to take or leave.

import { RequestFailed } from "../api.js";
import { byId, make, renderOnce, setAttribute, setText } from "../dom.js";
import { clock } from "../live/lines.js";
import { askCleanup, leaveCleanup, readCleanup, takeCleanup } from "./api.js";
import { placeOf } from "./wording.js";

const SOON = 1_500;
const TAGS = { same: "span", gone: "del", new: "ins" };
const UNFINISHED = new Set(["queued", "working"]);

/** The card. `act(failed, work)` does something and tells a problem; `onTaken` is called once the text has changed. */
export class Cleanup {
  #id = "";
  #key = "";
  #version = 0;
  #told = null;
  #timer = 0;
  #act;

  constructor({ act, onTaken }) {
    this.#act = act;
    const order = (name, failed, work) => byId(name).addEventListener("click", () => act(failed, async () => this.#draw(await work())));
    order("cleanup-ask", "It can’t be cleaned up", () => askCleanup(this.#id));
    order("cleanup-leave", "It stays as it is", () => leaveCleanup(this.#id));
    order("cleanup-take", "It stays as it is", async () => {
      const told = await takeCleanup(this.#id, this.#version);
      await onTaken();
      setText(byId("announcer"), "Taken. Undo takes it back.");
      byId("text-title").focus();
      return told;
    });
  }

  /** Shows that of a transcript, whose text is what it is. */
  show({ id, state, version, segments }) {
    const ready = state === "done" && segments.length > 0;
    byId("cleanup").hidden = !ready || !this.#told || this.#id !== id;
    const key = `${id} ${version} ${ready}`;
    [this.#id, this.#version] = [id, version];
    if (key === this.#key) return;
    this.#key = key;
    if (ready) this.#look();
  }

  close() {
    clearTimeout(this.#timer);
    this.#id = this.#key = "";
    this.#told = null;
    byId("cleanup").hidden = true;
  }

  async #look() {
    const id = this.#id;
    clearTimeout(this.#timer);
    try {
      const told = await readCleanup(id);
      if (id === this.#id) this.#draw(told);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      if (id === this.#id) this.#later();
    }
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), SOON);
  }

  #draw(told) {
    const was = this.#told;
    this.#told = told;
    const { available, state, changes, summary, chapters, actions, progress } = told;
    const busy = UNFINISHED.has(state);
    if (busy) this.#later();
    else if (was && UNFINISHED.has(was.state)) setText(byId("announcer"), state === "done" ? "The clean-up is done." : "The clean-up failed.");
    byId("cleanup").hidden = false;
    setText(byId("cleanup-about"), about(told));
    byId("cleanup-progress").hidden = !busy;
    setAttribute(byId("cleanup-progress"), "value", progress);
    byId("cleanup-ask").hidden = !available || busy || changes.length > 0;
    setText(byId("cleanup-ask"), { "": "Clean up", failed: "Go on" }[state] ?? "Clean up again");
    byId("cleanup-take").hidden = busy || !changes.length;
    byId("cleanup-leave").hidden = !busy && !changes.length;
    setText(byId("cleanup-leave"), busy ? "Give up" : "Leave as it is");
    byId("cleanup-summary").hidden = !summary;
    setText(byId("cleanup-summary"), summary);
    fill("chapters", chapters, ({ start, title }) => make("li", {}, make("a", { href: placeOf(this.#id, start) }, clock(start)), ` ${title}`));
    fill("actions", actions, (action) => make("li", {}, action));
    byId("cleanup-changes").hidden = !changes.length || busy;
    setText(byId("cleanup-count"), changes.length === 1 ? "One phrase changes" : `${changes.length} phrases change`);
    renderOnce(byId("cleanup-phrases"), JSON.stringify(busy ? [] : changes), () => (busy ? [] : changes.map((change) => this.#phrase(change))));
  }

  #phrase({ start, paragraph, parts }) {
    const words = parts.flatMap(([kind, text]) => [make(TAGS[kind], {}, text), " "]);
    const mark = paragraph ? make("ins", { title: "A paragraph begins here" }, "¶") : null;
    return make("li", { class: "line" }, make("a", { href: placeOf(this.#id, start) }, clock(start)), make("p", {}, mark, ...words));
  }
}

function about({ available, state, problem, changes, refused }) {
  if (state === "queued") return "It waits its turn.";
  if (state === "working") return "The language model is at it; you can go on meanwhile.";
  if (state === "failed") return `It stopped: ${problem}.`;
  const kept = refused ? `${refused === 1 ? "One part stays" : `${refused} parts stay`} as written down, since the model changed words there.` : "";
  if (state === "done") return [changes.length ? "Only signs, capitals and paragraphs: what was written down stays until you take it." : "There is nothing to take.", kept].filter(Boolean).join(" ");
  if (available) return "A language model puts in signs and paragraphs, and writes a summary, chapters and what is to be done. You see what changes before it does.";
  return "With a language model (LLM_BASE_URL and LLM_MODEL: Ollama, LM Studio, OpenRouter) signs, paragraphs and a summary are put in here.";
}

function fill(name, items, build) {
  byId(`cleanup-${name}-title`).hidden = byId(`cleanup-${name}`).hidden = !items.length;
  renderOnce(byId(`cleanup-${name}`), JSON.stringify(items), () => items.map(build));
}
