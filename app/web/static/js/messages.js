// The events of one call or session. Connects again by itself, and says when something may have been missed.

const AGAIN_AFTER = 2_000;

/** Tells `onEvent(data)`, whose `type` says what it is, and `onBreak(is)` when the connection is lost and when it is back. */
export class Messages {
  #address;
  #onEvent;
  #onBreak;
  #source = null;
  #timer = 0;

  constructor(address, onEvent, onBreak) {
    this.#address = address;
    this.#onEvent = onEvent;
    this.#onBreak = onBreak;
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source.close();
  }

  #open() {
    this.#source = new EventSource(this.#address);
    this.#source.addEventListener("open", () => this.#onBreak(false));
    this.#source.addEventListener("error", () => this.#broken());
    this.#source.addEventListener("message", (event) => this.#onEvent(JSON.parse(event.data)));
  }

  #broken() {
    this.#onBreak(true);
    // The browser tries again by itself only where the connection broke, not after an answer such as 502.
    if (this.#source.readyState !== EventSource.CLOSED) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), AGAIN_AFTER);
  }
}
