// The events of one session. Connects again by itself.

import { eventsAddress } from "./api.js";

const AGAIN_AFTER = 2_000;

/** Tells `onEvent(data)`, whose `type` says what it is, and `onBreak(is)` when the connection is lost and when it is back. */
export class SessionFeed {
  #id;
  #onEvent;
  #onBreak;
  #source = null;
  #timer = 0;

  constructor(id, onEvent, onBreak) {
    this.#id = id;
    this.#onEvent = onEvent;
    this.#onBreak = onBreak;
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source.close();
  }

  #open() {
    this.#source = new EventSource(eventsAddress(this.#id));
    this.#source.addEventListener("open", () => this.#onBreak(false));
    this.#source.addEventListener("error", () => this.#broken());
    this.#source.addEventListener("message", (event) => this.#take(JSON.parse(event.data)));
  }

  #take(data) {
    // Nothing comes after the end; the browser would ask again and again.
    if (data.type === "session" && data.state === "ended") this.close();
    this.#onEvent(data);
  }

  #broken() {
    this.#onBreak(true);
    // The browser tries again by itself only where the connection broke, not after an answer such as 502.
    if (this.#source.readyState !== EventSource.CLOSED) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), AGAIN_AFTER);
  }
}
