// Streams that are taken in as MPEG transport streams: each with how it does, a form for another one.

import { removeSource, setSource, sources } from "./api.js";
import { attempt, Lookout } from "./asking.js";
import { confirmed } from "./confirm.js";
import { byId, light, make, renderOnce } from "./dom.js";
import { languageName } from "./words.js";

const EVERY = 2_000;
const FIELDS = ["source-stream", "source-address", "source-passphrase"];

/** The list of them and the form; they are asked for while the part is open. */
export class Sources {
  #lookout;
  #problem = byId("source-problem");
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    this.#lookout = new Lookout(byId("sources"), this.#problem, EVERY, async () => this.#draw(await sources()));
    byId("source-address").addEventListener("input", () => this.#offer());
    byId("source-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#set();
    });
  }

  /** What only SRT has, where the address is one of SRT. */
  #offer() {
    const srt = byId("source-address").value.trim().startsWith("srt://");
    byId("source-srt").hidden = !srt;
    return srt;
  }

  #draw(all) {
    renderOnce(byId("source-list"), JSON.stringify(all), () => all.map((source) => this.#row(source)));
    byId("source-none").hidden = all.length > 0;
  }

  #row(source) {
    const words = source.running ? `Coming in, ${(source.bit_rate / 1e6).toFixed(1)} Mbit/s` : "Not coming in";
    const button = make("button", { type: "button", "aria-label": `Stop taking in ${source.stream}` }, "Stop…");
    button.addEventListener("click", () => this.#remove(source));
    return make(
      "li",
      {},
      make("strong", {}, source.stream),
      light(source.running ? "ok" : "warning", words, "pill"),
      make("span", { class: "quiet small" }, about(source)),
      button,
    );
  }

  async #set() {
    const [stream, address, passphrase] = FIELDS.map((id) => byId(id).value.trim());
    const whole = this.#offer() ? withPassphrase(address, passphrase) : address;
    await attempt(this.#problem, "Taking it in failed", async () => {
      await setSource(stream, whole);
      for (const id of FIELDS) byId(id).value = "";
      this.#offer();
      this.#announce(`${stream} is taken in.`);
    });
    this.#lookout.now();
  }

  async #remove({ stream }) {
    const agreed = await confirmed(
      `Stop taking in ${stream}?`,
      "The stream ends, for everybody who watches it, and its address is forgotten.",
      { no: "Go on", yes: "Stop taking it in" },
    );
    if (!agreed) return;
    await attempt(this.#problem, "Stopping failed", async () => {
      await removeSource(stream);
      this.#announce(`${stream} is not taken in any more.`);
    });
    this.#lookout.now();
  }
}

function withPassphrase(address, passphrase) {
  return passphrase ? `${address}${address.includes("?") ? "&" : "?"}passphrase=${encodeURIComponent(passphrase)}` : address;
}

function about({ address, language, splices, lasts, problem }) {
  const told = [
    address,
    language && languageName(language),
    splices && (splices === 1 ? "1 splice" : `${splices} splices`),
    !lasts && "forgotten when the dubber restarts",
    problem,
  ];
  return told.filter(Boolean).join(" · ");
}
