// The picture of a session: a still one each second, while the page is seen.

import { byId } from "../dom.js";
import { pictureAddress } from "./api.js";

const EVERY = 1_000;

/** Shows the newest picture of the session that `id()` names; an empty id shows none. */
export class Picture {
  #id;
  #count = 0;
  #image = byId("picture");

  constructor(id) {
    this.#id = id;
    this.#image.addEventListener("load", () => this.#seen(true));
    this.#image.addEventListener("error", () => this.#seen(false));
    setInterval(() => this.#next(), EVERY);
  }

  #next() {
    const id = this.#id();
    if (!id) this.#image.removeAttribute("src");
    else if (!document.hidden) this.#image.src = pictureAddress(id, (this.#count += 1));
    if (!id) this.#seen(false);
  }

  #seen(is) {
    this.#image.hidden = !is;
    byId("no-picture").hidden = is;
    byId("no-picture").textContent = this.#id() ? "No picture yet." : "No source yet.";
  }
}
