// Both texts of what is heard now, in step with the picture.

import { setText } from "./dom.js";

const KEPT = 120;
const LINGER = 1.5;
const TICK = 200;

/** The caption to show at a Unix time: the last one that began, until a little after its end. */
export function captionAt(captions, time) {
  let found = null;
  for (const caption of captions) {
    if (caption.shown_at <= time && (!found || caption.shown_at >= found.shown_at)) found = caption;
  }
  return found && time < found.hidden_at + LINGER ? found : null;
}

/**
 * Shows captions at the right moment. `clock` gives the Unix time of what is seen, or null;
 * `addCue` puts a caption into the video's own captions as well.
 */
export class Captions {
  #captions = [];
  #target;
  #source;
  #clock;
  #addCue;

  constructor({ target, source, clock, addCue }) {
    this.#target = target;
    this.#source = source;
    this.#clock = clock;
    this.#addCue = addCue;
    setInterval(() => this.#tick(), TICK);
  }

  add(caption) {
    this.#captions = this.#captions.filter((other) => other.id !== caption.id);
    this.#captions.push({ ...caption, cued: false });
    if (this.#captions.length > KEPT) this.#captions.shift();
  }

  clear() {
    this.#captions = [];
    this.#tick();
  }

  /** The video's own captions were emptied: put them in again. */
  recue() {
    for (const caption of this.#captions) caption.cued = false;
  }

  #tick() {
    const time = this.#clock() ?? Date.now() / 1000;
    const caption = captionAt(this.#captions, time);
    setText(this.#target, caption?.target ?? "");
    setText(this.#source, caption?.source ?? "");
    for (const waiting of this.#captions) {
      if (!waiting.cued && this.#clock() !== null) waiting.cued = this.#addCue(waiting, time);
    }
  }
}

/** The video's own captions: seen in full screen, switched on with the player's captions button. */
export class Subtitles {
  #video;
  #track = null;

  constructor(video) {
    this.#video = video;
  }

  /** Empties the captions; there is one track, as tracks can't be taken away again. */
  reset() {
    this.#track ??= this.#video.addTextTrack("captions", "Translation");
    if (this.#track.mode === "disabled") this.#track.mode = "hidden";
    for (const cue of [...(this.#track.cues ?? [])]) this.#track.removeCue(cue);
  }

  /** Adds a caption, where the picture shown at the Unix time `now` is the video's current time. */
  add(caption, now) {
    if (!this.#track || !caption.target) return true;
    const start = this.#video.currentTime + caption.shown_at - now;
    const end = start + Math.max(0.5, caption.hidden_at - caption.shown_at);
    if (end > 0) this.#track.addCue(plainCue(Math.max(0, start), end, caption.target));
    return true;
  }
}

function plainCue(start, end, text) {
  // WebVTT reads markup: these three signs make it plain text.
  const plain = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return new VTTCue(start, end, plain);
}
