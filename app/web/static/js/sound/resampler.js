// Changes the sampling rate of sound that arrives piece by piece: a windowed sinc in phases.
// Runs in the page and in the audio worklet.

const CROSSINGS = 16;
// A little under half the lower rate, where the window's slope ends.
const CUTOFF = 0.94;

const divisor = (one, other) => (other ? divisor(other, one % other) : one);

/** Turns Float32Arrays at one rate into Float32Arrays at another; nothing is shifted in time. */
export class Resampler {
  #step;
  #phases;
  #half;
  #taps;
  #held;
  #at = 0;
  #phase = 0;

  /** Rates in Hz, whole numbers. */
  constructor(from, to) {
    const common = divisor(from, to);
    this.#step = from / common;
    this.#phases = to / common;
    const scale = Math.min(1, to / from) * CUTOFF;
    this.#half = Math.ceil(CROSSINGS / scale);
    this.#taps = Array.from({ length: this.#phases }, (_, phase) => filter(phase / this.#phases, this.#half, scale));
    // Silence before the beginning, so that the first sample has neighbours.
    this.#held = new Float32Array(this.#half - 1);
  }

  /** What is complete with this piece. */
  push(piece) {
    const sound = new Float32Array(this.#held.length + piece.length);
    sound.set(this.#held);
    sound.set(piece, this.#held.length);
    const made = [];
    const width = 2 * this.#half;
    while (this.#at + width <= sound.length) {
      const taps = this.#taps[this.#phase];
      let sum = 0;
      for (let tap = 0; tap < width; tap++) sum += sound[this.#at + tap] * taps[tap];
      made.push(sum);
      this.#phase += this.#step;
      this.#at += Math.floor(this.#phase / this.#phases);
      this.#phase %= this.#phases;
    }
    const used = Math.min(this.#at, sound.length);
    this.#held = sound.slice(used);
    this.#at -= used;
    return Float32Array.from(made);
  }

  /** The last samples, which wait for neighbours that don't come. */
  end() {
    return this.push(new Float32Array(this.#half));
  }
}

function filter(fraction, half, scale) {
  const taps = new Float32Array(2 * half);
  let sum = 0;
  for (let tap = 0; tap < taps.length; tap++) {
    const distance = tap - (half - 1) - fraction;
    const inside = Math.min(1, Math.abs(distance) / half);
    taps[tap] = sinc(distance * scale) * (0.5 + 0.5 * Math.cos(Math.PI * inside));
    sum += taps[tap];
  }
  return taps.map((value) => value / sum);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
