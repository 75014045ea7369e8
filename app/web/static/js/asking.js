// Parts of the page that ask the dubber for something: what went wrong is said in their own words.

import { RequestFailed } from "./api.js";
import { setText } from "./dom.js";

const READING = "Reading failed";

/** Does what somebody ordered; the element says what went wrong, or is hidden. */
export async function attempt(problem, failed, act) {
  problem.hidden = true;
  try {
    await act();
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    say(problem, failed, error);
  }
}

function say(problem, failed, error) {
  setText(problem, `${failed}: ${error.message}.`.replace(/\.\.$/, "."));
  problem.dataset.failed = failed;
  problem.hidden = false;
}

/** Looks again and again while a part of the page that folds is open and the page is seen. */
export class Lookout {
  #part;
  #problem;
  #every;
  #look;
  #timer = 0;

  /** `look` is called each `every` ms; where it fails, `problem` says so, unless it tells of an order. */
  constructor(part, problem, every, look) {
    [this.#part, this.#problem, this.#every, this.#look] = [part, problem, every, look];
    part.addEventListener("toggle", () => this.now());
    document.addEventListener("visibilitychange", () => this.now());
  }

  /** Looks at once, too. */
  async now() {
    clearTimeout(this.#timer);
    if (!this.#part.open || document.hidden) return;
    const ours = this.#problem.hidden || this.#problem.dataset.failed === READING;
    try {
      await this.#look();
      if (this.#problem.dataset.failed === READING) this.#problem.hidden = true;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      if (ours) say(this.#problem, READING, error);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), this.#every);
  }
}
