// Runs on the browser's audio thread: microphone sound in, pieces of 100 ms at 16 kHz out.

import { RATE, toInt16 } from "./pcm.js";
import { Resampler } from "./resampler.js";

const PIECE = RATE / 10;

class Capture extends AudioWorkletProcessor {
  #resampler = new Resampler(Math.round(sampleRate), RATE);
  #piece = new Float32Array(PIECE);
  #filled = 0;
  #open = true;

  constructor() {
    super();
    this.port.onmessage = () => this.#finish();
  }

  process([channels]) {
    if (!this.#open) return false;
    if (channels.length) this.#take(this.#resampler.push(mono(channels)));
    return true;
  }

  #take(samples) {
    for (const sample of samples) {
      this.#piece[this.#filled++] = sample;
      if (this.#filled === PIECE) this.#give(PIECE);
    }
  }

  #give(length) {
    const sound = toInt16(this.#piece.subarray(0, length));
    this.#filled = 0;
    if (sound.length) this.port.postMessage(sound, [sound.buffer]);
  }

  #finish() {
    this.#take(this.#resampler.end());
    this.#give(this.#filled);
    this.#open = false;
    this.port.postMessage(null);
  }
}

function mono(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
}

registerProcessor("capture", Capture);
