// The voice of the comments: one after another, at the volume that was chosen, which this browser remembers.

import { byId } from "../dom.js";

const KEPT = "commentary-voice";

/** Plays sounds by their address; while muted it plays none. */
export class Voice {
  #audio = new Audio();
  #volume = byId("volume");
  #muted = byId("muted");
  #onBlocked;

  constructor(onBlocked) {
    this.#onBlocked = onBlocked;
    const kept = remembered();
    this.#volume.value = kept.volume ?? 0.8;
    this.#muted.checked = kept.muted ?? false;
    for (const control of [this.#volume, this.#muted]) control.addEventListener("input", () => this.#set());
    this.#set();
  }

  /** Says it. A browser may want a click on the page first: then that is told. */
  async say(address) {
    if (this.#muted.checked) return;
    this.#audio.src = address;
    try {
      await this.#audio.play();
      this.#onBlocked(false);
    } catch (error) {
      if (error.name === "NotAllowedError") this.#onBlocked(true);
    }
  }

  #set() {
    this.#audio.volume = Number(this.#volume.value);
    this.#audio.muted = this.#muted.checked;
    this.#volume.setAttribute("aria-valuetext", `${Math.round(this.#volume.value * 100)} %`);
    try {
      localStorage.setItem(KEPT, JSON.stringify({ volume: this.#volume.value, muted: this.#muted.checked }));
    } catch {
      // A browser may keep nothing.
    }
  }
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}
