// Streams that are over, to be watched again in all their languages (kept in the address as #again=name@time).

import { finished } from "./api.js";
import { byId, make, renderOnce, setText } from "./dom.js";
import { Player } from "./player.js";
import { Renditions } from "./renditions.js";
import { dayAndTime, duration, languageName } from "./words.js";

const LOOK_EVERY = 15_000;
const HASH = /^#again=([A-Za-z0-9@_.-]+)$/;

/** The showing that a hash names, or an empty text. */
export const againIn = (hash) => HASH.exec(hash)?.[1] ?? "";

const nameOf = (showing) => showing.address.split("/")[1];
const longOf = (showing) => duration(showing.seconds);

/** The list of them, and the one that is watched. */
export class Again {
  #showings = null;
  #chosen = "";
  #player = new Player(byId("again-video"));
  #renditions = new Renditions(this.#player, { row: byId("again-renditions"), heard: byId("again-heard"), read: byId("again-read") });

  constructor() {
    this.#look();
    setInterval(() => document.hidden || this.#look(), LOOK_EVERY);
  }

  /** Shows the one of that name, or none. */
  choose(name) {
    this.#chosen = name;
    this.#render();
  }

  async #look() {
    try {
      this.#showings = await finished();
    } catch {
      // The page says already that the dubber can't be reached; what was listed stays.
      return;
    }
    this.#render();
  }

  #render() {
    const showings = this.#showings ?? [];
    byId("again-list").hidden = !showings.length;
    renderOnce(byId("again-items"), JSON.stringify([showings, this.#chosen]), () => showings.map((showing) => this.#item(showing)));
    byId("again").hidden = !this.#chosen;
    const showing = showings.find((one) => nameOf(one) === this.#chosen);
    this.#player.play(showing ? `/hls/${showing.address}` : "");
    this.#renditions.render(Boolean(showing));
    if (!this.#chosen) return;
    setText(byId("again-name"), showing?.stream ?? this.#chosen.split("@")[0]);
    setText(byId("again-about"), showing ? about(showing) : this.#showings ? "This stream is not kept any more." : "");
    byId("again-screen").hidden = !showing;
  }

  #item(showing) {
    const current = nameOf(showing) === this.#chosen;
    return make(
      "li",
      {},
      make(
        "a",
        { href: `#again=${nameOf(showing)}`, "aria-current": current ? "true" : null },
        make("span", {}, showing.stream),
        " ",
        make("span", { class: "quiet small" }, `${dayAndTime(showing.began)}, ${longOf(showing)}`),
      ),
    );
  }
}

function about(showing) {
  const spoken = showing.spoken ? `${languageName(showing.spoken)} original` : "Original";
  return [dayAndTime(showing.began), longOf(showing), [spoken, ...showing.languages.map(languageName)].join(", ")].join(" · ");
}
