// The operator's buttons: original only, switch and add a language, stop and start.

import { RequestFailed, bypassDub, setSpoken, startDub, stopDub, switchDub } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, make, renderOnce, setText } from "./dom.js";
import { COMMON_LANGUAGES, languageName, spokenLanguage } from "./words.js";

/** Buttons for one dub. `choose` is told which language to look at after a change. */
export class Controls {
  #dub = null;
  #stream = null;
  #busy = false;
  #usable = true;
  #languages = [];
  #able = null;
  #choose;
  #announce;

  constructor({ choose, announce }) {
    this.#choose = choose;
    this.#announce = announce;
    this.#on("bypass", () => this.#bypass());
    this.#on("stop", () => this.#stop());
    this.#on("start", () => this.#start());
    this.#on("switch", () => this.#switch());
    this.#on("add", () => this.#add());
    byId("spoken").addEventListener("change", () => this.#spoken());
  }

  configure(settings) {
    this.#languages = settings.target_languages;
  }

  /** What the speech hosts can dub, as the dubber's /health tells it; all is offered until they have told. */
  able({ pairs, into_english: intoEnglish }) {
    this.#able = pairs ? { pairs, intoEnglish } : null;
  }

  #canDub(target) {
    if (!this.#able) return true;
    if (target === "en" && this.#able.intoEnglish) return true;
    const source = spokenLanguage(this.#stream);
    return this.#able.pairs.some((pair) => (source ? pair === `${source}-${target}` : pair.endsWith(`-${target}`)));
  }

  /** Shows the buttons that fit the dub's status. `usable` is false while the dubber is out of reach. */
  render(stream, dub, usable) {
    const changed = this.#dub?.stream !== dub.stream || this.#dub?.language !== dub.language;
    this.#dub = dub;
    this.#stream = stream;
    this.#usable = usable;
    if (changed) this.#say("");
    this.#renderLanguages(dub);
    this.#renderSpoken();
    const stopped = dub.status === "stopped" || dub.status === "absent";
    const focused = document.activeElement;
    byId("start").hidden = !stopped;
    byId("stop").hidden = stopped;
    byId("bypass").hidden = stopped;
    // A button that disappears under the keyboard hands its focus to the one in its place.
    if (focused?.hidden && focused.closest("#controls")) byId(stopped ? "start" : "stop").focus();
    if (!this.#busy) setText(byId("bypass"), dub.status === "bypassed" ? "Dub again" : "Original only");
    for (const button of byId("controls").querySelectorAll("button")) this.#enable(button);
  }

  #renderSpoken() {
    const select = byId("spoken");
    const { set = "auto", heard = "" } = this.#stream?.spoken ?? {};
    select.disabled = !this.#stream || !this.#usable;
    const codes = [...new Set([...COMMON_LANGUAGES, ...(set === "auto" ? [] : [set])])];
    const named = codes.map((code) => [languageName(code), code]).sort(([one], [other]) => one.localeCompare(other));
    const found = set === "auto" && heard ? `Found out: ${languageName(heard)}` : "Find it out";
    renderOnce(select, JSON.stringify([found, codes, set]), () => [
      make("option", { value: "auto", selected: set === "auto" }, found),
      ...named.map(([name, code]) => make("option", { value: code, selected: code === set }, name)),
    ]);
  }

  async #spoken() {
    const select = byId("spoken");
    const to = select.value;
    const done = this.#busy || !this.#stream ? false : await this.#act("spoken", "", "Setting the spoken language failed", () => setSpoken(this.#stream.name, to));
    // What the dubber goes by is shown again where it did not take the choice.
    if (!done) delete select.dataset.key;
  }

  #renderLanguages(dub) {
    const select = byId("language");
    const offered = (codes) => codes.filter((code) => code !== dub.language && code !== spokenLanguage(this.#stream));
    const configured = offered(this.#languages);
    const pairs = (this.#able?.pairs ?? []).map((pair) => pair.split("-")[1]);
    const others = offered([...new Set([...COMMON_LANGUAGES, ...pairs])].filter((code) => !this.#languages.includes(code)));
    const possible = others.filter((code) => this.#canDub(code));
    const impossible = others.filter((code) => !this.#canDub(code));
    const byName = (codes) => codes.map((code) => [languageName(code), code]).sort(([one], [other]) => one.localeCompare(other));
    const group = (label, codes, disabled = null) =>
      codes.length
        ? [make("optgroup", { label, disabled }, ...byName(codes).map(([name, code]) => make("option", { value: code }, name)))]
        : [];
    renderOnce(select, JSON.stringify([configured, possible, impossible, this.#able !== null]), () => [
      ...group("Configured", configured),
      ...group(this.#able ? "Can be dubbed too" : "If the speech host can", possible),
      ...group("No translator here", impossible, ""),
    ]);
    byId("untranslated").hidden = !impossible.length;
  }

  #on(id, act) {
    byId(id).addEventListener("click", () => {
      if (this.#busy || !this.#usable || !this.#dub) return;
      act();
    });
  }

  #bypass() {
    const on = this.#dub.status !== "bypassed";
    const { stream, language } = this.#dub;
    this.#act("bypass", "Changing…", on ? "Playing the original failed" : "Dubbing again failed", () => bypassDub(stream, language, on));
  }

  async #stop() {
    const { stream, language, path } = this.#dub;
    const agreed = await confirmed(
      `Stop the ${languageName(language)} dub of ${stream}?`,
      `Everybody who watches ${path ?? `dub/${stream}/${language}`} loses picture and sound. The original and other dubs go on.`,
      { no: "Keep dubbing", yes: "Stop the dub" },
    );
    if (agreed) this.#act("stop", "Stopping…", "Stopping failed", () => stopDub(stream, language));
  }

  #start() {
    const { stream, language } = this.#dub;
    this.#act("start", "Starting…", "Starting failed", () => startDub(stream, language));
  }

  async #switch() {
    const { stream, language } = this.#dub;
    const to = byId("language").value;
    const done = await this.#act("switch", "Switching…", `Switching to ${languageName(to)} failed`, () => switchDub(stream, language, to));
    if (done) this.#choose(stream, to);
  }

  async #add() {
    const { stream } = this.#dub;
    const to = byId("language").value;
    const done = await this.#act("add", "Adding…", `Adding ${languageName(to)} failed`, () => startDub(stream, to));
    if (done) this.#choose(stream, to);
  }

  async #act(id, doing, failed, request) {
    const button = byId(id);
    const words = button.textContent;
    this.#busy = true;
    button.setAttribute("aria-busy", "true");
    if (doing) setText(button, doing);
    this.#enableAll();
    this.#say("");
    try {
      await request();
      this.#announce("Done.");
      return true;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      this.#say(`${failed}: ${error.message}.`);
      return false;
    } finally {
      this.#busy = false;
      button.removeAttribute("aria-busy");
      if (doing) setText(button, words);
      this.#enableAll();
    }
  }

  #enableAll() {
    for (const button of byId("controls").querySelectorAll("button")) this.#enable(button);
  }

  #enable(button) {
    // Not `disabled`, which would throw the keyboard's focus away.
    if (this.#busy || !this.#usable) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }

  #say(text) {
    const problem = byId("controls-problem");
    setText(problem, text.replace(/\.\.$/, "."));
    problem.hidden = !text;
  }
}
