// Where a dub is sent on to: each target with its state, a form for another one. Keys go in and never come out.

import { RequestFailed, removeRestream, restream, restreams } from "./api.js";
import { byId, light, make, renderOnce, setText } from "./dom.js";

const EVERY = 2_000;
const FIELDS = ["restream-name", "restream-address", "restream-key", "restream-passphrase"];

/** The targets of the dub that is looked at; they are asked for while the part is open. */
export class Restreams {
  #dub = null;
  #timer = 0;
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    byId("restream").addEventListener("toggle", () => this.#look());
    document.addEventListener("visibilitychange", () => this.#look());
    byId("restream-address").addEventListener("input", () => this.#offer());
    byId("restream-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /** Shows the targets of another dub. */
  render(dub) {
    if (this.#dub?.stream === dub.stream && this.#dub?.language === dub.language) return;
    this.#dub = dub;
    this.#look();
  }

  /** What only SRT has, where the address is one of SRT. */
  #offer() {
    const srt = byId("restream-address").value.trim().startsWith("srt://");
    byId("restream-srt").hidden = !srt;
    return srt;
  }

  async #look() {
    clearTimeout(this.#timer);
    const dub = this.#dub;
    if (!dub || !byId("restream").open || document.hidden) return;
    await this.#try("Reading failed", async () => {
      const all = await restreams();
      if (dub === this.#dub) this.#draw(all.filter((one) => one.stream === dub.stream && one.language === dub.language));
    });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), EVERY);
  }

  #draw(targets) {
    renderOnce(byId("restream-targets"), JSON.stringify(targets), () => targets.map((target) => this.#row(target)));
    byId("restream-none").hidden = targets.length > 0;
  }

  #row(target) {
    const words = target.sending ? `Sending, ${(target.bit_rate / 1e6).toFixed(1)} Mbit/s` : "Not sending";
    const button = make("button", { type: "button", "aria-label": `Stop sending to ${target.name}` }, "Stop");
    button.addEventListener("click", () => this.#remove(target));
    return make(
      "li",
      {},
      make("strong", {}, target.name),
      light(target.sending ? "ok" : "warning", words, "pill"),
      make("span", { class: "quiet small" }, [target.address, target.original && "with the original", target.problem].filter(Boolean).join(" · ")),
      button,
    );
  }

  async #send() {
    const { stream, language } = this.#dub;
    const [name, address, key, passphrase] = FIELDS.map((id) => byId(id).value.trim());
    const more = this.#offer() ? { passphrase, original: byId("restream-original").checked } : {};
    await this.#try("Sending failed", async () => {
      await restream(stream, language, name, { address, key, ...more });
      for (const id of FIELDS) byId(id).value = "";
      byId("restream-original").checked = false;
      this.#offer();
      this.#announce(`${stream} is sent to ${name}.`);
    });
    this.#look();
  }

  async #remove({ stream, language, name }) {
    await this.#try("Stopping failed", async () => {
      await removeRestream(stream, language, name);
      this.#announce(`${stream} is not sent to ${name} any more.`);
    });
    this.#look();
  }

  async #try(failed, act) {
    const problem = byId("restream-problem");
    try {
      await act();
      problem.hidden = true;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      setText(problem, `${failed}: ${error.message}.`.replace(/\.\.$/, "."));
      problem.hidden = false;
    }
  }
}
