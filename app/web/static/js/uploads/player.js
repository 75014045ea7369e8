// Plays a transcript's file: an outline of its sound to seek in, buttons and keys.

import { byId, setAttribute, setText } from "../dom.js";
import { clock } from "../live/lines.js";
import { readPeaks, soundAddress } from "./api.js";

const COLUMNS = 600;
const BACK = 3;

/** The player. `onTime(seconds)` is told often where it is. */
export class Player {
  #sound = new Audio();
  #seconds = 0;
  #onTime;
  #id = "";

  constructor(onTime) {
    this.#onTime = onTime;
    this.#sound.preload = "metadata";
    const told = () => this.#draw();
    for (const name of ["timeupdate", "seeked", "loadedmetadata", "ended"]) this.#sound.addEventListener(name, told);
    for (const name of ["play", "pause"]) this.#sound.addEventListener(name, () => this.#toggled());
    this.#sound.addEventListener("error", () => (byId("silent-file").hidden = !this.#id));
    byId("play").addEventListener("click", () => this.toggle());
    byId("back").addEventListener("click", () => this.back());
    byId("speed").addEventListener("change", (event) => (this.#sound.playbackRate = Number(event.target.value)));
    byId("position").addEventListener("input", (event) => this.seek(Number(event.target.value)));
  }

  /** Takes another transcript's file; the outline where there is one. */
  async open({ id, seconds }) {
    if (this.#id === id) return;
    this.close();
    this.#id = id;
    this.#seconds = seconds ?? 0;
    this.#sound.src = soundAddress(id);
    this.#sound.playbackRate = Number(byId("speed").value);
    this.#draw();
    const outline = await readPeaks(id).catch(() => null);
    if (outline && this.#id === id) this.#outline(outline);
  }

  /** Stops, and lets go of the file. */
  close() {
    this.#id = "";
    this.#sound.pause();
    this.#sound.removeAttribute("src");
    this.#sound.load();
    this.#outline({ peaks: [] });
    byId("silent-file").hidden = true;
  }

  toggle() {
    if (this.#sound.paused) this.#sound.play().catch(() => {});
    else this.#sound.pause();
  }

  back() {
    this.seek(this.#sound.currentTime - BACK);
  }

  seek(second) {
    this.#sound.currentTime = Math.max(0, second);
    this.#draw();
  }

  get playing() {
    return !this.#sound.paused;
  }

  #toggled() {
    setText(byId("play"), this.#sound.paused ? "Play" : "Pause");
    // An element tells its time four times a second, which is too seldom for words.
    const follow = () => {
      this.#draw();
      if (!this.#sound.paused) requestAnimationFrame(follow);
    };
    follow();
  }

  #draw() {
    const now = this.#sound.currentTime;
    const whole = Number.isFinite(this.#sound.duration) ? this.#sound.duration : this.#seconds;
    const position = byId("position");
    setAttribute(position, "max", (whole || 1).toFixed(1));
    position.value = now;
    setAttribute(position, "aria-valuetext", clock(now));
    setAttribute(byId("heard-part"), "width", whole ? (COLUMNS * now) / whole : 0);
    setText(byId("time"), `${clock(now)} of ${clock(whole)}`);
    this.#onTime(now);
  }

  #outline({ peaks }) {
    const columns = Math.min(COLUMNS, peaks.length);
    let path = columns ? "" : `M0 50h${COLUMNS}`;
    for (let column = 0; column < columns; column++) {
      let highest = 1;
      const end = Math.floor(((column + 1) * peaks.length) / columns);
      for (let at = Math.floor((column * peaks.length) / columns); at < end; at++) highest = Math.max(highest, peaks[at]);
      path += `M${((column + 0.5) * COLUMNS) / columns} ${50 - highest / 2}v${highest}`;
    }
    for (const id of ["wave", "wave-heard"]) setAttribute(byId(id), "d", path);
  }
}
