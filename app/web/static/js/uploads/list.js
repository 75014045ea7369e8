// The list of transcripts, newest first, which changes as they do.

import { byId, light, make, renderOnce, setAttribute, setText } from "../dom.js";
import { duration } from "../words.js";
import { cancelTranscript, listTranscripts, startAgain } from "./api.js";
import { STATES, facts, megabytes, placeOf } from "./wording.js";

const PAGE = 50;
const LARGEST_PAGE = 200;
// A time left is only told once so many seconds and so much of it were seen.
const WATCHED = 3;

/** The list. `isHidden(id)` says what is shown elsewhere, `onDelete` is told what to delete. */
export class List {
  #known = new Map();
  #rows = new Map();
  #seen = new Map();
  #before = null;
  #isHidden;
  #act;

  constructor({ isHidden, onDelete, act }) {
    this.#isHidden = isHidden;
    this.#act = act;
    this.onDelete = onDelete;
    byId("more").addEventListener("click", () => act(() => this.#more()));
  }

  /** Asks for the newest anew, as many as were shown. Raises RequestFailed. */
  async load() {
    const { transcripts, before } = await listTranscripts(Math.min(LARGEST_PAGE, Math.max(PAGE, this.#known.size)));
    this.#known = new Map(transcripts.map((each) => [each.id, each]));
    this.#before = before;
    this.draw();
  }

  /** A transcript that has changed, as an event tells it. */
  take(transcript) {
    if (transcript.deleted) this.#known.delete(transcript.id);
    else if (this.#known.has(transcript.id) || !this.#before || transcript.made_at > this.#before) this.#known.set(transcript.id, transcript);
    this.draw();
  }

  async #more() {
    const { transcripts, before } = await listTranscripts(PAGE, this.#before);
    for (const each of transcripts) this.#known.set(each.id, each);
    this.#before = before;
    this.draw();
  }

  draw() {
    const shown = [...this.#known.values()].filter(({ id }) => !this.#isHidden(id)).sort((a, b) => (a.made_at < b.made_at ? 1 : -1));
    byId("empty").hidden = shown.length > 0;
    byId("more").hidden = !this.#before;
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.whole.remove();
      this.#rows.delete(id);
    }
    let place = byId("list").firstElementChild;
    for (const each of shown) {
      const row = this.#rows.get(each.id) ?? this.#build(each.id);
      this.#fill(row, each);
      if (row.whole === place) place = place.nextElementSibling;
      else byId("list").insertBefore(row.whole, place);
    }
  }

  #build(id) {
    const row = { name: make("a", { class: "name", href: placeOf(id) }), state: make("span"), facts: make("span", { class: "quiet" }), problem: make("span"), buttons: make("span", { class: "row" }), bar: make("progress", { max: 1 }) };
    row.whole = make("li", { class: "entry" }, row.name, row.buttons, row.bar, make("span", { class: "about" }, row.state, row.facts, row.problem));
    this.#rows.set(id, row);
    return row;
  }

  #fill(row, transcript) {
    const { state, title, progress, size, received, problem } = transcript;
    const [tone, words] = STATES[state] ?? ["idle", state];
    setText(row.name, title);
    renderOnce(row.state, state, () => [light(tone, words)]);
    const left = this.#left(transcript);
    const sent = state === "arriving" ? `${megabytes(received)} of ${megabytes(size)}; choose the same file again to go on` : "";
    setText(row.facts, [facts(transcript), sent, left === null ? "" : `${duration(left)} left`].filter(Boolean).join(" · "));
    setText(row.problem, problem);
    row.bar.hidden = state !== "working" && state !== "arriving";
    setAttribute(row.bar, "aria-label", `${title}: ${state === "arriving" ? "arrived" : "written down"}`);
    setAttribute(row.bar, "value", state === "arriving" ? received / size : progress);
    renderOnce(row.buttons, `${state} ${title}`, () => this.#buttons(transcript));
  }

  #buttons({ id, state, title }) {
    const button = (words, act) => {
      const made = make("button", { type: "button", "aria-label": `${words} ${title}` }, words);
      made.addEventListener("click", () => this.#act(act));
      return made;
    };
    const buttons = [];
    if (state === "queued" || state === "working") buttons.push(button("Cancel", async () => this.take(await cancelTranscript(id))));
    if (state === "failed" || state === "cancelled") buttons.push(button("Start again", async () => this.take(await startAgain(id))));
    buttons.push(button("Delete", () => this.onDelete(this.#known.get(id))));
    return buttons;
  }

  /** Seconds until it is done, by what was seen of its progress here; null where that is too little. */
  #left({ id, state, progress }) {
    if (state !== "working") {
      this.#seen.delete(id);
      return null;
    }
    const now = performance.now() / 1000;
    if (!this.#seen.has(id)) this.#seen.set(id, { at: now, progress });
    const first = this.#seen.get(id);
    const [time, way] = [now - first.at, progress - first.progress];
    return time < WATCHED || way <= 0 ? null : ((1 - progress) * time) / way;
  }
}
