// The dubber's events. Reconnects by itself, waiting longer each time, and notices silence.

const ADDRESS = "/api/dubber/events";
const NAMES = ["streams", "phrase", "caption", "missed"];
const SILENCE = 6_000;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 15_000;

/** Dispatches "streams", "phrase", "caption", "missed" with their data, and "connected" and "lost". */
export class Feed extends EventTarget {
  #source = null;
  #wait = FIRST_WAIT;
  #retry = 0;
  #watch = 0;

  /** When the next attempt is made, in milliseconds since 1970; 0 while connected or connecting. */
  retryAt = 0;

  /** Connects now, whatever was before. */
  open() {
    this.#end();
    this.retryAt = 0;
    this.#source = new EventSource(ADDRESS);
    this.#source.addEventListener("error", () => this.#lost());
    for (const name of NAMES) {
      this.#source.addEventListener(name, (event) => this.#receive(name, event.data));
    }
    this.#expect();
  }

  close() {
    this.#end();
    this.retryAt = 0;
  }

  /** Whether it is connected or about to be. */
  get isOpen() {
    return this.#source !== null || this.retryAt > 0;
  }

  #receive(name, text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return;
    }
    this.#expect();
    this.#wait = FIRST_WAIT;
    if (name === "streams") this.#tell("connected");
    this.#tell(name, data);
  }

  #expect() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#lost(), SILENCE);
  }

  #lost() {
    this.#end();
    this.retryAt = Date.now() + this.#wait;
    this.#retry = setTimeout(() => this.open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    this.#tell("lost");
  }

  #end() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    this.#source?.close();
    this.#source = null;
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
