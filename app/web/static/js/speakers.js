// The speakers of a dub: who has which voice, corrected by one click from the next phrase on.

import { RequestFailed, correctSpeaker } from "./api.js";
import { byId, make, renderOnce, setText } from "./dom.js";

/** What a speaker is called on the page. */
export const speakerName = (number) => `Speaker ${number}`;

/** The list of a dub's speakers, with what an operator can correct of each. */
export class SpeakerList {
  #dub = null;
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
  }

  render(dub, usable) {
    if (this.#dub?.stream !== dub.stream || this.#dub?.language !== dub.language) byId("speakers-problem").hidden = true;
    this.#dub = dub;
    const speakers = dub.speakers ?? [];
    const voices = dub.voices ?? [];
    byId("speakers").hidden = !speakers.length;
    renderOnce(byId("speakers-list"), JSON.stringify([dub.stream, dub.language, speakers.map(({ pitch: _, ...each }) => each), voices, usable]), () =>
      speakers.map((each) => this.#row(each, speakers, voices, usable)),
    );
  }

  #row(speaker, speakers, voices, usable) {
    const { number, same, voice } = speaker;
    const name = speakerName(number);
    const others = speakers.filter((each) => each.number !== number && each.same === each.number);
    const isTheirs = (other) => this.#button(`Is ${speakerName(other.number)}`, usable, () => this.#correct(number, { same: other.number }, `${name} is ${speakerName(other.number)}`));
    if (same !== number) {
      const own = this.#button("Is somebody else", usable, () => this.#correct(number, { same: number }, `${name} is somebody else`));
      return make("li", { class: "row" }, make("span", {}, `${name} is ${speakerName(same)}`), own);
    }
    const select = make("select", { "aria-label": `Voice of ${name}`, disabled: !usable }, ...[...new Set([voice, ...voices])].map((each) => make("option", { value: each, selected: each === voice }, each)));
    select.addEventListener("change", () => this.#correct(number, { voice: select.value }, `${name} has the voice ${select.value}`));
    return make("li", { class: "row" }, make("span", {}, name), select, ...others.map(isTheirs));
  }

  #button(words, usable, act) {
    const button = make("button", { type: "button", disabled: !usable }, words);
    button.addEventListener("click", act);
    return button;
  }

  async #correct(number, wish, said) {
    const { stream, language } = this.#dub;
    const problem = byId("speakers-problem");
    problem.hidden = true;
    try {
      await correctSpeaker(stream, language, number, wish);
      this.#announce(`${said}, from the next phrase on.`);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      setText(problem, `Correcting the speaker failed: ${error.message}.`.replace(/\.\.$/, "."));
      problem.hidden = false;
      // What the dubber goes by is shown again.
      delete byId("speakers-list").dataset.key;
    }
  }
}
