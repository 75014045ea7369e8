// A file on its way to the archive in parts that can be resumed (tus 1.0).

import { pageToken } from "../session.js";
import { UPLOADS } from "./api.js";

const PART = 8 * 1024 * 1024;
const LONGEST_WAIT = 10;
// What comes right by itself: too slow, another request is at it, too many, and another offset than ours.
const PASSING = new Set([408, 409, 423, 429]);
// Seconds over which the pace is taken.
const PACE = 10;

/** A file that is sent. `onChange` is called whenever something of it has changed. */
export class Upload {
  /** waiting, sending, lost, paused, done or failed. */
  state = "waiting";
  /** Its transcript's id, once it has begun. */
  id = "";
  sent = 0;
  problem = "";
  #wishes;
  #onChange;
  #request = null;
  #wake = null;
  #marks = [];

  constructor(file, wishes, onChange) {
    this.file = file;
    this.#wishes = wishes;
    this.#onChange = onChange;
  }

  /** Seconds until all of it is there, or null where that isn't known yet. */
  get left() {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (this.state !== "sending" || !first || last.at - first.at < 1000 || last.sent <= first.sent) return null;
    return ((this.file.size - this.sent) * (last.at - first.at)) / 1000 / (last.sent - first.sent);
  }

  get isOver() {
    return this.state === "done" || this.state === "failed";
  }

  /** Sends until all is there, it is paused or refused. A lost network is waited for. */
  async run() {
    this.#enter("sending");
    let wait = 1;
    while (this.state === "sending" || this.state === "lost") {
      try {
        await this.#stand();
        while (this.sent < this.file.size && this.state !== "paused") {
          await this.#part();
          wait = 1;
        }
        if (this.state === "paused") return;
        forget(this.file);
        this.#enter("done");
      } catch (error) {
        if (!(error instanceof Stopped)) throw error;
        if (this.state === "paused") return;
        if (error.status >= 400 && error.status < 500 && !PASSING.has(error.status)) {
          forget(this.file);
          this.problem = error.message;
          this.#enter("failed");
          return;
        }
        this.problem = error.message;
        this.#enter("lost");
        await this.#rest(wait);
        wait = Math.min(LONGEST_WAIT, wait * 2);
      }
    }
  }

  /** Stops sending; `run` goes on from there. */
  pause() {
    if (this.isOver) return;
    this.#enter("paused");
    this.#request?.abort();
    this.#wake?.();
  }

  /** Gives it up, here and in the archive. */
  async drop() {
    this.pause();
    forget(this.file);
    if (this.id) await ask("DELETE", `${UPLOADS}/${this.id}`).catch(() => {});
  }

  /** Finds out where to go on; begins where there is nothing yet. */
  async #stand() {
    const known = this.id || kept(this.file);
    if (known) {
      try {
        const answer = await ask("HEAD", `${UPLOADS}/${known}`);
        const there = Number(answer.headers.get("upload-offset"));
        if (this.id || there < this.file.size) {
          this.id = known;
          this.#advance(there);
          return;
        }
      } catch (error) {
        if (this.id || error.status !== 404) throw error;
      }
    }
    const answer = await ask("POST", UPLOADS, { "Upload-Length": String(this.file.size), "Upload-Metadata": metadata(this.#wishes) });
    this.id = answer.headers.get("location").split("/").at(-1);
    keep(this.file, this.id);
    this.#advance(0);
  }

  /** Sends the next part. Its progress needs XMLHttpRequest. */
  #part() {
    const begin = this.sent;
    const part = this.file.slice(begin, begin + PART);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      request.open("PATCH", `${UPLOADS}/${this.id}`);
      for (const [name, value] of Object.entries({ ...VERSION, ...pageToken(), "Upload-Offset": String(begin), "Content-Type": "application/offset+octet-stream" })) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded }) => this.state === "sending" && this.#advance(begin + loaded);
      request.onload = () => {
        if (request.status !== 204) return reject(new Stopped(reason(request.responseText, request.status), request.status));
        this.#advance(Number(request.getResponseHeader("upload-offset")));
        return resolve();
      };
      request.onerror = request.onabort = () => reject(new Stopped("the connection was lost"));
      request.send(part);
    });
  }

  #advance(sent) {
    this.sent = sent;
    const now = performance.now();
    this.#marks.push({ at: now, sent });
    this.#marks = this.#marks.filter(({ at }) => now - at < PACE * 1000);
    if (this.state === "lost") this.#enter("sending");
    else this.#onChange(this);
  }

  #rest(seconds) {
    this.#marks = [];
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, seconds * 1000);
      addEventListener("online", resolve, { once: true });
    });
  }

  #enter(state) {
    this.state = state;
    if (state === "sending") this.problem = "";
    if (state === "paused") this.#marks = [];
    this.#onChange(this);
  }
}

/** A request that did not do. `status` is 0 where there was no answer. */
class Stopped extends Error {
  constructor(words, status = 0) {
    super(words);
    this.status = status;
  }
}

const VERSION = { "Tus-Resumable": "1.0.0" };

async function ask(method, address, headers = {}) {
  let answer;
  try {
    answer = await fetch(address, { method, headers: { ...VERSION, ...pageToken(), ...headers }, cache: "no-store" });
  } catch {
    throw new Stopped("the connection was lost");
  }
  if (!answer.ok) throw new Stopped(reason(await answer.text(), answer.status), answer.status);
  return answer;
}

function reason(text, status) {
  try {
    const { detail } = JSON.parse(text);
    if (typeof detail === "string") return detail;
  } catch {
    // Not from the archive, or an answer to HEAD, which has no words: the status has to do.
  }
  if (status === 502 || status === 504) return "the archive cannot be reached";
  return `the answer was an error (${status})`;
}

function metadata(wishes) {
  const encoded = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  return Object.entries(wishes).filter(([, value]) => value).map(([key, value]) => `${key} ${encoded(value)}`).join(",");
}

// A page that is loaded again goes on with the same file where the last one stopped.
const mark = (file) => `upload ${file.name} ${file.size} ${file.lastModified}`;

function kept(file) {
  try {
    return localStorage.getItem(mark(file)) ?? "";
  } catch {
    return "";
  }
}

function keep(file, id) {
  try {
    localStorage.setItem(mark(file), id);
  } catch {
    // Without storage, such a file begins anew.
  }
}

function forget(file) {
  try {
    localStorage.removeItem(mark(file));
  } catch {
    // Then there was nothing to forget.
  }
}
