// Sound of this browser on its way into a call: one line a channel.

import { Line } from "../live/line.js";
import { audioAddress, endCall } from "./api.js";

const REST = new Set(["finished", "absent", "full", "failed"]);

/** Sends an opened source into a call; `onState(state, words)` is told how it is with the connection. */
export class Recording {
  #source;
  #lines;
  #states;
  #ending = false;
  #onState;

  constructor(id, channels, opened, source, onState) {
    this.id = id;
    this.#source = source;
    this.#onState = onState;
    this.#states = channels.map(() => "connecting");
    this.#lines = channels.map((channel, at) => new Line(audioAddress(id, channel), { onState: (state, words) => this.#follow(at, state, words) }));
    opened.start({
      hasRoom: () => this.#lines.every((line) => line.hasRoom),
      onSound: (channel, samples) => this.#lines[channel].send(samples),
      onEnd: (why = "") => this.end(why),
    });
  }

  /** Sends what is left, then ends the call; `why` is told to people. */
  async end(why = "") {
    if (this.#ending) return;
    this.#ending = true;
    this.#onState("finishing", why);
    await this.#source.stop();
    for (const line of this.#lines) line.finish();
  }

  /** Stops at once. */
  drop() {
    this.#ending = true;
    this.#source.stop();
    for (const line of this.#lines) line.drop();
  }

  #follow(at, state, words) {
    this.#states[at] = state;
    if (state === "finished") {
      if (this.#states.every((one) => one === "finished")) this.#close();
    } else if (REST.has(state)) {
      this.drop();
      this.#onState(state, words);
      endCall(this.id).catch(() => {});
    } else if (!this.#ending) {
      const broken = this.#states.find((one) => one === "lost" || one === "connecting");
      this.#onState(broken ?? state, words);
    }
  }

  async #close() {
    await this.#source.stop();
    await endCall(this.id).catch(() => {});
    this.#onState("finished", "");
  }
}
