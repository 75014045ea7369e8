// A WebSocket that takes sound, and comes back by itself where it is lost.

import { RATE } from "../sound/pcm.js";
import { Outbox } from "./outbox.js";

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 10_000;
const MAX_BUFFERED = 128 * 1024;
const ROOM = 2 * RATE;
const FLUSH = 50;
const END = "END_OF_AUDIO";
const LAST_WORDS_WITHIN = 30_000;

const NORMAL = 1000;
const TOO_MANY = 1013;
const ABSENT = 1014;
const REFUSED = 1008;

/**
 * Sends sound to an address of this console, from `greeting` on.
 *
 * `onState(state, words)` is told "connecting", "running", "lost", "finished", "absent", "full" and
 * "failed"; `onMessage` gets each parsed message and may return "ready", "again", "full" or "failed".
 * Where `confirms` is set, what was sent is kept until `confirm`, and sent again after a break:
 * `onBegin(second)` then says where a connection begins to count.
 */
export class Line {
  #address;
  #greeting;
  #confirms;
  #on;
  #socket = null;
  #ready = false;
  #was = false;
  #ending = false;
  #ended = false;
  #endSent = false;
  #wait = FIRST_WAIT;
  #timers = [];
  #outbox = new Outbox();

  /** When the next attempt is made, in milliseconds since 1970. */
  retryAt = 0;

  constructor(address, { greeting = null, confirms = false, onState, onMessage = () => "", onBegin = () => {} }) {
    this.#address = address;
    this.#greeting = greeting;
    this.#confirms = confirms;
    this.#on = { onState, onMessage, onBegin };
    this.#timers.push(setInterval(() => this.#flush(), FLUSH));
    this.#connect();
  }

  /** Whether more sound should be handed over; a microphone can't wait and does anyway. */
  get hasRoom() {
    return this.#ready && this.#outbox.waiting < ROOM;
  }

  /** Seconds of sound that never were sent, because the line was down for too long. */
  get lost() {
    return this.#outbox.lost / RATE;
  }

  send(samples) {
    if (this.#ended || this.#ending) return;
    this.#outbox.push(samples);
    this.#flush();
  }

  /** What lies before that second needn't be sent again. */
  confirm(second) {
    this.#outbox.confirm(Math.floor(second * RATE));
  }

  /** Sends what is left and says that this is the end; "finished" follows. */
  finish() {
    if (this.#ended || this.#ending) return;
    this.#ending = true;
    this.#timers.push(setTimeout(() => this.#end("finished"), LAST_WORDS_WITHIN));
    if (!this.#was) this.#end("finished");
    else this.#flush();
  }

  /** Ends it at once, saying nothing. */
  drop() {
    this.#end(null);
  }

  #connect() {
    this.#on.onState("connecting", "");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.#address}`);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      if (this.#greeting) socket.send(JSON.stringify(this.#greeting));
      else this.#begin();
    });
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", ({ code, reason }) => socket === this.#socket && this.#closed(code, reason));
  }

  #begin() {
    if (this.#confirms) this.#outbox.rewind();
    this.#on.onBegin(this.#outbox.begin / RATE);
    this.#ready = this.#was = true;
    this.#wait = FIRST_WAIT;
    this.#endSent = false;
    this.#on.onState("running", "");
    this.#flush();
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    const meaning = this.#on.onMessage(message);
    if (meaning === "ready" && !this.#ready) this.#begin();
    if (meaning === "again") this.#socket.close();
    if (meaning === "full") this.#end("full", String(message.message ?? ""));
    if (meaning === "failed") this.#end("failed", String(message.message ?? ""));
  }

  #flush() {
    while (this.#ready && this.#socket.bufferedAmount < MAX_BUFFERED) {
      const piece = this.#outbox.next();
      if (!piece) break;
      this.#socket.send(piece);
      if (!this.#confirms) this.#outbox.confirm(Infinity);
    }
    if (this.#ending && this.#ready && !this.#endSent && !this.#outbox.waiting) {
      this.#endSent = true;
      this.#socket.send(END);
    }
  }

  #closed(code, reason) {
    this.#ready = false;
    const over = this.#endSent || (code === NORMAL && !this.#confirms);
    if (over) this.#end("finished");
    else if (code === REFUSED) this.#end("failed", reason);
    else if (code === TOO_MANY && !this.#was) this.#end("full", "");
    else if (code === ABSENT && !this.#was) this.#end("absent", reason);
    else if (!this.#was) this.#end("failed", reason || "the connection could not be made");
    else this.#retry(reason);
  }

  #retry(reason) {
    this.retryAt = Date.now() + this.#wait;
    this.#timers.push(setTimeout(() => this.#ended || this.#connect(), this.#wait));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    this.#on.onState("lost", reason);
  }

  #end(state, words = "") {
    if (this.#ended) return;
    this.#ended = true;
    this.#ready = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#socket.close();
    if (state) this.#on.onState(state, words);
  }
}
