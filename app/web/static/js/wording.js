// The form for a stream's subject, voice, glossary and breaks. What is saved holds from the next phrase on.

import { editProfile, profileOf } from "./api.js";
import { attempt } from "./asking.js";
import { byId, setText } from "./dom.js";
import { languageName } from "./words.js";

/** One form for the dub that is looked at; its contents are asked for when it is opened. */
export class WordingForm {
  #dub = null;
  #profile = null;
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    byId("wording").addEventListener("toggle", () => byId("wording").open && this.#load());
    byId("wording-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  /** Shows the form of another dub. */
  render(dub) {
    if (this.#dub?.stream === dub.stream && this.#dub?.language === dub.language) return;
    this.#dub = dub;
    this.#profile = null;
    setText(byId("glossary-language"), languageName(dub.language));
    if (byId("wording").open) this.#load();
  }

  async #load() {
    const dub = this.#dub;
    if (!dub) return;
    await this.#try("Reading failed", async () => {
      const profile = await profileOf(dub.stream);
      if (dub !== this.#dub) return;
      this.#profile = profile;
      byId("subject").value = profile.subject;
      byId("voice").value = [profile.voices[dub.language] ?? ""].flat().join(", ");
      byId("tell-apart").checked = profile.speakers;
      byId("glossary").value = written(profile.keep, profile.terms[dub.language] ?? {});
      byId("normalise").checked = profile.normalise;
      byId("breaks").value = profile.breaks;
    });
  }

  async #save() {
    const { stream, language } = this.#dub;
    if (!this.#profile) return;
    const { keep, terms } = read(byId("glossary").value);
    const { [language]: _, ...voices } = this.#profile.voices;
    const several = byId("voice").value.split(",").map((each) => each.trim()).filter(Boolean);
    const voice = several.length > 1 ? several : several[0];
    const edited = {
      ...this.#profile,
      subject: byId("subject").value.trim(),
      keep,
      voices: voice ? { ...voices, [language]: voice } : voices,
      terms: { ...this.#profile.terms, [language]: terms },
      normalise: byId("normalise").checked,
      speakers: byId("tell-apart").checked,
      breaks: byId("breaks").value,
    };
    await this.#try("Saving failed", async () => {
      this.#profile = await editProfile(stream, edited);
      this.#announce("Saved. It holds from the next phrase on.");
      setText(byId("wording-saved"), "Saved. It holds from the next phrase on.");
    });
  }

  async #try(failed, act) {
    setText(byId("wording-saved"), "");
    await attempt(byId("wording-problem"), failed, act);
  }
}

/** The glossary as lines: a name that is kept, or a term and its translation. */
function written(keep, terms) {
  return [...keep, ...Object.entries(terms).map(([term, translation]) => `${term} = ${translation}`)].join("\n");
}

function read(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  const pairs = lines.filter((line) => line.includes("=")).map((line) => {
    const [term, ...rest] = line.split("=");
    return [term.trim(), rest.join("=").trim()];
  });
  return { keep: lines.filter((line) => !line.includes("=")), terms: Object.fromEntries(pairs) };
}
