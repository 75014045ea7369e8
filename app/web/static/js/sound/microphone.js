// The microphone as a source of sound.

import { SoundProblem } from "./problem.js";

const WORKLET = new URL("./capture-worklet.js", import.meta.url);
const LAST_PIECE_WITHIN = 1_000;

const REFUSALS = {
  NotAllowedError: "The browser may not use the microphone. Allow it beside the address of this page, then start again.",
  NotFoundError: "There is no microphone. Plug one in, or choose a file.",
  NotReadableError: "The microphone can’t be opened: another program may hold it.",
  AbortError: "The microphone can’t be opened: another program may hold it.",
};

/**
 * Opens the microphone; `onSound` gets Int16Arrays of 100 ms at 16 kHz, `onEnd` is called when it is
 * unplugged. Gives a function that stops it after the last piece. Raises SoundProblem.
 */
export async function openMicrophone(onSound, onEnd) {
  if (!isSecureContext || !navigator.mediaDevices) {
    throw new SoundProblem(
      "Browsers give the microphone only to pages over https, or on the same machine (127.0.0.1). " +
        "Put the console behind TLS, open it on its own machine, or choose a file.",
    );
  }
  const stream = await ask();
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(WORKLET);
    await context.resume();
  } catch (error) {
    release(stream, context);
    throw new SoundProblem(`The browser can’t take sound in: ${error.message}`);
  }
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 1, outputChannelCount: [1] });
  const finished = new Promise((resolve) => {
    capture.port.onmessage = ({ data }) => (data ? onSound(data) : resolve());
  });
  // Nothing comes out of the node; without a way to the end some browsers never run it.
  context.createMediaStreamSource(stream).connect(capture).connect(context.destination);
  stream.getAudioTracks()[0].addEventListener("ended", onEnd);
  return async () => {
    capture.port.postMessage("finish");
    await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, LAST_PIECE_WITHIN))]);
    release(stream, context);
  };
}

async function ask() {
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new SoundProblem(REFUSALS[error.name] ?? `The microphone can’t be used: ${error.message}`);
  }
}

function release(stream, context) {
  for (const track of stream.getTracks()) track.stop();
  context.close();
}
