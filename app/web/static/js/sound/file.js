// A sound or video file as a source: decoded by the browser, sent piece by piece.

import { RATE, alike, mixed, toInt16 } from "./pcm.js";
import { SoundProblem } from "./problem.js";

const MAX_MEGABYTES = 300;
const PIECE = RATE / 10;
const TICK = 50;

/** The channels of a file at 16 kHz as Float32Arrays: one, or two where they differ. Raises SoundProblem. */
export async function decoded(file) {
  if (file.size > MAX_MEGABYTES * 1e6) throw new SoundProblem(`“${file.name}” is larger than ${MAX_MEGABYTES} MB: cut it, or save its sound alone.`);
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new SoundProblem(`The browser finds no sound that it can read in “${file.name}”. WAV, MP3, MP4, WebM, Ogg and FLAC work in most.`);
  }
  if (!buffer.length) throw new SoundProblem(`“${file.name}” has no sound.`);
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, at) => buffer.getChannelData(at));
  if (channels.length === 2 && !alike(channels[0], channels[1])) return channels;
  return [mixed(channels)];
}

/**
 * Sends channels of equal length, `speed` times as fast as they play, but never faster than `hasRoom` allows.
 * `onSound(channel, samples)` gets Int16Arrays of 100 ms; `onEnd` is called after the last.
 */
export class FilePlayer {
  #channels;
  #speed;
  #hasRoom;
  #onSound;
  #onEnd;
  #sent = 0;
  #due = 0;
  #last = performance.now();
  #timer;

  constructor(channels, speed, { hasRoom, onSound, onEnd }) {
    this.#channels = channels.map(toInt16);
    this.#speed = speed;
    this.#hasRoom = hasRoom;
    this.#onSound = onSound;
    this.#onEnd = onEnd;
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** How much was sent, in seconds of sound. */
  get position() {
    return this.#sent / RATE;
  }

  /** How long the file is, in seconds. */
  get seconds() {
    return this.#channels[0].length / RATE;
  }

  stop() {
    clearInterval(this.#timer);
  }

  #tick() {
    const now = performance.now();
    // Time in which nothing could be sent is not made up for by a burst.
    if (this.#hasRoom()) this.#due += ((now - this.#last) / 1000) * RATE * this.#speed;
    this.#last = now;
    while (this.#sent + PIECE <= this.#due && this.#hasRoom()) {
      const from = this.#sent;
      this.#sent = Math.min(from + PIECE, this.#channels[0].length);
      this.#channels.forEach((sound, channel) => this.#onSound(channel, sound.slice(from, this.#sent)));
      if (this.#sent === this.#channels[0].length) {
        this.stop();
        this.#onEnd();
        return;
      }
    }
  }
}
