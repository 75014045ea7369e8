// One transcript: its title, player, text, edits and downloads.

import { RequestFailed } from "../api.js";
import { byId, light, make, renderOnce, setAttribute, setText } from "../dom.js";
import { changeTranscript, editTranscript, exportAddress, readTranscript, redoEdit, undoEdit } from "./api.js";
import { Cleanup } from "./cleanup.js";
import { Player } from "./player.js";
import { Text } from "./text.js";
import { STATES, facts, placeOf } from "./wording.js";

const KINDS = [["Text", "txt"], ["Subtitles (SRT)", "srt"], ["Subtitles (VTT)", "vtt"], ["JSON", "json"], ["Word", "docx"]];
// An unfinished one is asked for anew at most this often, in milliseconds.
const SELDOM = 2_000;
const TYPED = "input:not([type=range]), textarea, select";
const PRESSED = "button, a, summary, input:not([type=range]), textarea, select";

/** The view of one. `onDelete` is told what to delete, `onGone` that there is none such. */
export class TranscriptView {
  #id = "";
  #whole = null;
  #asked = 0;
  #player;
  #text;
  #cleanup;
  #onGone;

  constructor({ onDelete, onGone }) {
    this.#onGone = onGone;
    this.#player = new Player((second) => this.#text?.light(second, this.#player.playing));
    this.#text = new Text({ onSeek: (second) => this.#player.seek(second), edit: (segment, edits) => this.#edits(segment, edits) });
    this.#cleanup = new Cleanup({ act: (failed, work) => this.#try(failed, work), onTaken: () => this.#load() });
    byId("undo").addEventListener("click", () => this.#step(undoEdit));
    byId("redo").addEventListener("click", () => this.#step(redoEdit));
    byId("delete").addEventListener("click", () => this.#whole && onDelete(this.#whole));
    byId("rename-start").addEventListener("click", () => this.#rename(true));
    byId("rename-leave").addEventListener("click", () => this.#rename(false));
    byId("rename").addEventListener("keydown", (event) => event.key === "Escape" && this.#rename(false));
    byId("rename").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#change({ title: byId("new-title").value.trim() });
    });
    byId("speakers").addEventListener("submit", (event) => event.preventDefault());
    byId("speakers").addEventListener("change", () => this.#nameSpeakers());
    addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows that one, at that second. */
  async open(id, second) {
    if (id !== this.#id) {
      this.close();
      this.#id = id;
      await this.#load();
    }
    if (this.#id !== id || !this.#whole || second === null) return;
    this.#player.seek(second);
    this.#text.show(second);
  }

  close() {
    this.#id = "";
    this.#whole = null;
    this.#player.close();
    this.#text.clear();
    this.#cleanup.close();
    this.#rename(false);
    this.#complain("");
    for (const id of ["one-title", "one-about"]) setText(byId(id), "");
  }

  /** A transcript that has changed, as an event tells it. */
  take(news) {
    if (news.id !== this.#id || !this.#whole) return;
    if (news.deleted) {
      this.#onGone();
      return;
    }
    const stale = news.version !== this.#whole.version || news.state !== this.#whole.state || news.state === "working";
    Object.assign(this.#whole, { title: news.title, speakers: news.speakers, state: news.state, progress: news.progress, problem: news.problem, language: news.language, seconds: news.seconds });
    if (stale && !this.#text.editing) this.#soon();
    this.#draw();
  }

  /** Reads it anew, where none is edited. */
  refresh() {
    if (this.#id && !this.#text.editing) return this.#load();
  }

  #soon() {
    this.#asked ||= setTimeout(() => {
      this.#asked = 0;
      this.refresh();
    }, SELDOM);
  }

  async #load() {
    const id = this.#id;
    try {
      const whole = await readTranscript(id);
      if (this.#id === id) this.#show(whole);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      if (this.#id !== id) return;
      if (error.status === 404 || error.status === 422) this.#onGone("There is no such transcript; it may have been deleted.");
      else this.#complain(`Reading failed: ${error.message}.`);
    }
  }

  #show(whole) {
    this.#whole = whole;
    this.#draw();
    if (whole.state !== "arriving" && whole.size) this.#player.open(whole);
  }

  #draw() {
    const { id, title, state, problem, version, same_as, segments, progress } = this.#whole;
    const [tone, words] = STATES[state] ?? ["idle", state];
    setText(byId("one-title"), title);
    document.title = `${title} – Voicestack`;
    setText(byId("one-about"), facts(this.#whole));
    const share = state === "working" ? `, ${Math.round(progress * 100)} %` : "";
    renderOnce(byId("status"), state + share + problem, () => [light(tone, words + share, "pill"), ...(problem ? [make("span", { class: "about" }, problem)] : [])]);
    byId("player").hidden = state === "arriving" || !this.#whole.size;
    byId("same").hidden = !same_as;
    setAttribute(byId("same-link"), "href", same_as ? placeOf(same_as) : "#/");
    renderOnce(byId("exports"), `${id} ${segments.length > 0}`, () => (segments.length ? KINDS.map(([name, kind]) => make("li", {}, make("a", { href: exportAddress(id, kind), download: true }, name))) : []));
    for (const name of ["undo", "redo"]) setAttribute(byId(name), "aria-disabled", state === "done" && version > 0 ? null : "true");
    if (!this.#text.editing) this.#text.draw(this.#whole);
    this.#drawSpeakers();
    this.#cleanup.show(this.#whole);
  }

  #drawSpeakers() {
    const { segments, speakers } = this.#whole;
    const known = [...new Set(segments.map(({ speaker }) => speaker).filter(Boolean))];
    byId("speakers").hidden = !known.length;
    renderOnce(byId("speakers"), JSON.stringify([known, speakers]), () =>
      known.map((speaker, at) => {
        const input = make("input", { type: "text", id: `speaker-${at}`, maxlength: 100, "data-speaker": speaker, autocomplete: "off" });
        input.value = speakers[speaker] ?? speaker;
        return make("div", {}, make("label", { for: `speaker-${at}` }, `Name of “${speaker}”`), input);
      }),
    );
  }

  #nameSpeakers() {
    const named = [...byId("speakers").querySelectorAll("input")].map(({ dataset, value }) => [dataset.speaker, value.trim()]);
    this.#change({ speakers: Object.fromEntries(named.filter(([speaker, name]) => name && name !== speaker)) });
  }

  async #change(changes) {
    await this.#try("Saving failed", async () => {
      Object.assign(this.#whole, await changeTranscript(this.#id, changes));
      this.#draw();
      this.#rename(false);
    });
  }

  #rename(on) {
    const was = !byId("rename").hidden;
    byId("rename").hidden = !on;
    byId("one-title").hidden = on;
    if (on) {
      byId("new-title").value = this.#whole?.title ?? "";
      byId("new-title").select();
    } else if (was && this.#id) {
      byId("rename-start").focus();
    }
  }

  async #edits(segment, edits) {
    if (!edits.length) return true;
    return this.#try("Editing failed", async () => {
      for (const edit of edits) this.#show(await editTranscript(this.#id, { segment, version: this.#whole.version, ...edit }));
      setText(byId("announcer"), "Saved.");
    });
  }

  async #step(step) {
    if (!this.#whole || byId("undo").getAttribute("aria-disabled") === "true") return;
    await this.#try("It stays as it is", async () => this.#show(await step(this.#id, this.#whole.version)));
  }

  /** Whether it was done; a problem is told, and what others changed is shown. */
  async #try(failed, act) {
    this.#complain("");
    const { version } = this.#whole;
    try {
      await act();
      return true;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      if (error.status === 409) await this.#load();
      const changed = this.#whole && this.#whole.version !== version;
      this.#complain(error.status === 409 && changed ? "Somebody else changed the text meanwhile: it is shown as it is now." : `${failed}: ${error.message}.`);
      return false;
    }
  }

  #complain(words) {
    setText(byId("one-problem"), words);
    byId("one-problem").hidden = !words;
  }

  #key(event) {
    if (!this.#whole || byId("one").hidden || event.altKey) return;
    const { target } = event;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "z" || target.closest?.(TYPED)) return;
      this.#step(event.shiftKey ? redoEdit : undoEdit);
    } else if (event.key === " " && !target.closest?.(PRESSED)) {
      this.#player.toggle();
    } else if (event.key === "ArrowLeft" && !target.closest?.(TYPED)) {
      this.#player.back();
    } else {
      return;
    }
    event.preventDefault();
  }
}
