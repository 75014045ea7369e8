// Where a dub is sent on to: each target with its state, a form for another one. Keys go in and never come out.

import { removeRestream, restream, restreams } from "./api.js";
import { attempt, Lookout } from "./asking.js";
import { byId, light, make, renderOnce } from "./dom.js";

const EVERY = 2_000;
const FIELDS = ["restream-name", "restream-address", "restream-key", "restream-passphrase"];

/** The targets of the dub that is looked at; they are asked for while the part is open. */
export class Restreams {
  #dub = null;
  #lookout;
  #problem = byId("restream-problem");
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    this.#lookout = new Lookout(byId("restream"), this.#problem, EVERY, () => this.#look());
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
    this.#lookout.now();
  }

  /** What only SRT has, where the address is one of SRT. */
  #offer() {
    const srt = byId("restream-address").value.trim().startsWith("srt://");
    byId("restream-srt").hidden = !srt;
    return srt;
  }

  async #look() {
    const dub = this.#dub;
    if (!dub) return;
    const all = await restreams();
    if (dub === this.#dub) this.#draw(all.filter((one) => one.stream === dub.stream && one.language === dub.language));
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
    await attempt(this.#problem, "Sending failed", async () => {
      await restream(stream, language, name, { address, key, ...more });
      for (const id of FIELDS) byId(id).value = "";
      byId("restream-original").checked = false;
      this.#offer();
      this.#announce(`${stream} is sent to ${name}.`);
    });
    this.#lookout.now();
  }

  async #remove({ stream, language, name }) {
    await attempt(this.#problem, "Stopping failed", async () => {
      await removeRestream(stream, language, name);
      this.#announce(`${stream} is not sent to ${name} any more.`);
    });
    this.#lookout.now();
  }
}
