// Sound on its way to a service: what was not sent yet, and what may have to be sent again.

import { RATE } from "../sound/pcm.js";

const KEPT = 30 * RATE;

/** A bounded line of Int16Arrays, counted in samples since the beginning. */
export class Outbox {
  #pieces = [];
  #begin = 0;
  #sent = 0;
  #end = 0;

  /** Samples that were thrown away before they were ever sent. */
  lost = 0;

  /** The first sample that is still here. */
  get begin() {
    return this.#begin;
  }

  /** Samples that wait to be sent. */
  get waiting() {
    return this.#end - this.#sent;
  }

  push(samples) {
    this.#pieces.push(samples);
    this.#end += samples.length;
    this.#dropTo(this.#end - KEPT);
  }

  /** The next piece to send, or null. */
  next() {
    let at = this.#begin;
    for (const piece of this.#pieces) {
      if (at >= this.#sent) {
        this.#sent = at + piece.length;
        return piece;
      }
      at += piece.length;
    }
    return null;
  }

  /** What lies before that sample has arrived for good. */
  confirm(sample) {
    this.#dropTo(Math.min(sample, this.#sent));
  }

  /** The connection broke: everything that is still here is sent again. */
  rewind() {
    this.#sent = this.#begin;
  }

  #dropTo(sample) {
    while (this.#pieces.length && this.#begin + this.#pieces[0].length <= sample) {
      this.#begin += this.#pieces.shift().length;
      if (this.#sent >= this.#begin) continue;
      this.lost += this.#begin - this.#sent;
      this.#sent = this.#begin;
    }
  }
}
