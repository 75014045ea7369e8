// This browser's camera, shown in a room of LiveKit whose watcher comments on it, and the voice heard there.

import { byId } from "../dom.js";
import { Entered } from "../rooms/entered.js";
import { enterRoom } from "./api.js";

const RATE = 15;

/** Whether this browser has a camera that a page may ask for. */
export async function hasCamera() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.some(({ kind }) => kind === "videoinput");
}

/** A name that no other page takes. */
export const newRoom = () => `camera-${crypto.randomUUID().slice(0, 13)}`;

/** The camera of this browser, asked for once. Raises Error with words for people. */
export async function openCamera() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: RATE } } });
  } catch (error) {
    const words = { NotAllowedError: "This browser lets no page use the camera: allow it, then press Start again.", NotFoundError: "This browser has no camera." };
    throw new Error(words[error.name] ?? "The camera can’t be opened: another program may have it.");
  }
}

/** Shows a camera in a room until it is left; comes back where the connection is lost. */
export class CameraRoom {
  #camera;
  #voice = make();
  #entered;

  /** `onProblem(words)` tells what is wrong; empty words say that nothing is. */
  constructor(name, camera, onProblem) {
    this.#camera = camera;
    for (const id of ["volume", "muted"]) byId(id).addEventListener("input", this.#set);
    this.#set();
    this.#entered = new Entered({
      token: () => enterRoom(name),
      prepare: (room, RoomEvent) => room.on(RoomEvent.TrackSubscribed, (track) => track.kind === "audio" && track.attach(this.#voice)),
      // Left on when a connection is lost: the same camera is shown in the next one.
      enter: (room) => room.localParticipant.publishTrack(camera.getVideoTracks()[0].clone(), { source: "camera", simulcast: false }),
      onProblem: (words) => onProblem(words && `The camera is not shown yet (${words}); trying again.`),
    });
  }

  leave() {
    for (const id of ["volume", "muted"]) byId(id).removeEventListener("input", this.#set);
    for (const track of this.#camera.getTracks()) track.stop();
    this.#entered.leave();
    this.#voice.remove();
  }

  #set = () => {
    this.#voice.volume = Number(byId("volume").value);
    this.#voice.muted = byId("muted").checked;
  };
}

function make() {
  const audio = document.createElement("audio");
  audio.id = "room-voice";
  audio.autoplay = true;
  document.body.append(audio);
  return audio;
}
