// This browser's camera, shown in a room of LiveKit whose watcher comments on it, and the voice heard there.

import { byId } from "../dom.js";
import { enterRoom } from "./api.js";

const LIBRARY = "/libraries/livekit-client.js?v=2.15.0";
const RATE = 15;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 5_000;
const RESUME_WITHIN = 3_000;
const RESUME_EVERY = 500;

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
  #name;
  #camera;
  #onProblem;
  #voice = make();
  #room = null;
  #wait = FIRST_WAIT;
  #timer = 0;
  #over = false;

  /** `onProblem(words)` tells what is wrong; empty words say that nothing is. */
  constructor(name, camera, onProblem) {
    this.#name = name;
    this.#camera = camera;
    this.#onProblem = onProblem;
    for (const id of ["volume", "muted"]) byId(id).addEventListener("input", this.#set);
    this.#set();
    this.#enter();
  }

  leave() {
    this.#over = true;
    clearTimeout(this.#timer);
    for (const id of ["volume", "muted"]) byId(id).removeEventListener("input", this.#set);
    for (const track of this.#camera.getTracks()) track.stop();
    this.#room?.disconnect();
    this.#voice.remove();
  }

  async #enter() {
    let room = null;
    try {
      await import(LIBRARY);
      const { Room, RoomEvent } = globalThis.LivekitClient;
      const { token } = await enterRoom(this.#name);
      // After a restart the server knows no rooms: soon it is better to begin anew than to come back.
      room = new Room({ reconnectPolicy: { nextRetryDelayInMs: ({ elapsedMs }) => (elapsedMs < RESUME_WITHIN ? RESUME_EVERY : null) } });
      room.on(RoomEvent.TrackSubscribed, (track) => track.kind === "audio" && track.attach(this.#voice));
      room.on(RoomEvent.Disconnected, () => room === this.#room && this.#again());
      // Without servers of others for finding one’s own address: LiveKit’s is reached directly.
      await room.connect(`${location.origin.replace("http", "ws")}/api/livekit`, token, { rtcConfig: { iceServers: [] } });
      if (this.#over) return await room.disconnect();
      this.#room = room;
      // Left on when a connection is lost: the same camera is shown in the next one.
      await room.localParticipant.publishTrack(this.#camera.getVideoTracks()[0].clone(), { source: "camera", simulcast: false });
      this.#wait = FIRST_WAIT;
      this.#onProblem("");
    } catch (error) {
      if (this.#over) return;
      room?.disconnect();
      this.#onProblem(`The camera is not shown yet (${error.message}); trying again.`);
      this.#again();
    }
  }

  #again() {
    if (this.#over) return;
    this.#room = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#enter(), this.#wait);
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
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
