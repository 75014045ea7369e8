// Sound as the services take it: 16 kHz, mono, 16 bits.

export const RATE = 16_000;

/** Float samples in [-1, 1] as 16-bit ones; what is louder is cut off. */
export function toInt16(samples) {
  const made = new Int16Array(samples.length);
  for (let at = 0; at < samples.length; at++) {
    const value = Math.max(-1, Math.min(1, samples[at]));
    made[at] = Math.round(value * 32767);
  }
  return made;
}

/** How loud 16-bit sound is, from 0 (under -60 dBFS) to 1 (full scale), by its root mean square. */
export function loudness(samples) {
  if (!samples.length) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const level = 20 * Math.log10(Math.sqrt(sum / samples.length) / 32768 + 1e-9);
  return Math.max(0, Math.min(1, (level + 60) / 60));
}

/** The mean of several channels. */
export function mixed(channels) {
  if (channels.length === 1) return channels[0];
  const made = new Float32Array(channels[0].length);
  for (const channel of channels) for (let at = 0; at < made.length; at++) made[at] += channel[at] / channels.length;
  return made;
}

/** Whether two channels are the same but for rounding: one voice track saved twice. */
export function alike(one, other) {
  let difference = 0;
  let total = 0;
  for (let at = 0; at < one.length; at += 7) {
    difference += (one[at] - other[at]) ** 2;
    total += one[at] ** 2 + other[at] ** 2;
  }
  return difference <= total * 1e-4;
}
