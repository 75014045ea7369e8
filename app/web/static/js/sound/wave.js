// Sound as a WAV file: every browser plays it, jumps in it and makes it, which its own recordings are not made for.

import { RATE } from "./pcm.js";

const HEADER = 44;
const SAMPLE = 2;

/** A WAV file of 16 kHz from pieces of 16-bit samples (Int16Arrays, ArrayBuffers or Blobs). */
export function waveFile(name, pieces, lastModified) {
  const samples = new Blob(pieces);
  return new File([header(samples.size), samples], name, { type: "audio/wav", lastModified });
}

function header(bytes) {
  const view = new DataView(new ArrayBuffer(HEADER));
  const text = (at, letters) => [...letters].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * SAMPLE, true);
  view.setUint16(32, SAMPLE, true);
  view.setUint16(34, 8 * SAMPLE, true);
  text(36, "data");
  view.setUint32(40, bytes, true);
  return view;
}
