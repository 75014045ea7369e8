// Plays one live HLS stream and brings it back by itself: network and media errors, stalls, restarts.

const LIBRARY = "/libraries/hls.js?v=1.6.7";
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 10_000;
const STALLED = 10_000;
const CHECK_EVERY = 1_000;
const OPTIONS = {
  lowLatencyMode: true,
  backBufferLength: 30,
  maxBufferLength: 20,
  liveDurationInfinity: true,
  // A viewer who fell behind is brought back by playing a little faster.
  maxLiveSyncPlaybackRate: 1.1,
  // Two segments behind live instead of three; hls.js falls further back by itself when playing stalls.
  liveSyncDurationCount: 2,
};

let library = null;

/** Loads hls.js once. Gives null where it is missing. */
function loadLibrary() {
  library ??= new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.addEventListener("load", () => resolve(window.Hls ?? null));
    script.addEventListener("error", () => {
      library = null;
      script.remove();
      resolve(null);
    });
    document.head.append(script);
  });
  return library;
}

/**
 * Dispatches "state": idle, connecting, playing, retrying, signin, blocked, missing; "renditions" where there are
 * other sounds or subtitles to choose from than before.
 */
export class Player extends EventTarget {
  #video;
  #hls = null;
  #address = "";
  #attempt = 0;
  #wait = FIRST_WAIT;
  #retry = 0;
  #lastTime = 0;
  #lastMoved = 0;
  #recovered = 0;
  #resting = false;
  #heard = "";

  state = "idle";

  constructor(video) {
    super();
    this.#video = video;
    setInterval(() => this.#check(), CHECK_EVERY);
    video.addEventListener("playing", () => this.#become("playing"));
    video.addEventListener("error", () => {
      // hls.js handles its own; this is the native player.
      if (!this.#hls && this.#address) this.#again("retrying");
    });
  }

  /** The names of the sounds and subtitles there are, and the numbers of those that are chosen (-1: none). */
  get renditions() {
    const named = (tracks) => (tracks ?? []).map((track) => track.name);
    const hls = this.#hls;
    return {
      sounds: named(hls?.audioTracks),
      sound: hls?.audioTrack ?? -1,
      subtitles: named(hls?.subtitleTracks),
      subtitle: hls?.subtitleTrack ?? -1,
    };
  }

  /** Plays another of the sounds; the picture goes on. Where the stream is attached anew, the same one is played. */
  hear(number) {
    if (!this.#hls) return;
    this.#heard = this.#hls.audioTracks[number]?.name ?? "";
    this.#hls.audioTrack = number;
  }

  /** Shows other subtitles, or none (-1). */
  read(number) {
    if (!this.#hls) return;
    this.#hls.subtitleDisplay = number >= 0;
    this.#hls.subtitleTrack = number;
  }

  get address() {
    return this.#address;
  }

  /** Plays that address until told otherwise; an empty one plays nothing. */
  play(address) {
    if (address === this.#address) return;
    this.#address = address;
    this.#wait = FIRST_WAIT;
    this.#attach();
  }

  /** Attaches anew, at once. */
  retry() {
    this.#wait = FIRST_WAIT;
    if (this.#address) this.#attach();
  }

  /** Lets go of the stream while it is true; afterwards plays it again. */
  rest(resting) {
    if (resting === this.#resting) return;
    this.#resting = resting;
    if (this.#address) this.#attach();
  }

  /** Seconds that this player is behind the media server, or null. */
  get latency() {
    return this.state === "playing" && this.#hls?.latency > 0 ? this.#hls.latency : null;
  }

  /** Unix time in seconds at which the server sent what is seen now, or null. */
  clock() {
    const video = this.#video;
    if (!this.#address || !video.currentTime) return null;
    if (this.#hls) {
      if (this.#hls.playingDate) return this.#hls.playingDate.getTime() / 1000;
      return Date.now() / 1000 - (this.#hls.latency || 0);
    }
    const start = video.getStartDate?.().getTime();
    return Number.isFinite(start) ? start / 1000 + video.currentTime : Date.now() / 1000;
  }

  async #attach() {
    const attempt = ++this.#attempt;
    this.#detach();
    if (!this.#address) return this.#become("idle");
    if (this.#resting) return;
    if (this.state !== "retrying") this.#become("connecting");
    this.#lastMoved = Date.now();
    const Hls = await loadLibrary();
    if (attempt !== this.#attempt) return;
    if (Hls?.isSupported()) this.#attachHls(Hls);
    else if (this.#video.canPlayType("application/vnd.apple.mpegurl")) this.#attachNative();
    else this.#again("missing");
  }

  #attachHls(Hls) {
    const hls = new Hls(OPTIONS);
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.#start());
    hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => {
      const number = hls.audioTracks.findIndex(({ name }) => name === this.#heard);
      if (number >= 0) hls.audioTrack = number;
    });
    for (const event of [Hls.Events.AUDIO_TRACKS_UPDATED, Hls.Events.AUDIO_TRACK_SWITCHED, Hls.Events.SUBTITLE_TRACKS_UPDATED, Hls.Events.SUBTITLE_TRACK_SWITCH])
      hls.on(event, () => hls === this.#hls && this.dispatchEvent(new Event("renditions")));
    hls.on(Hls.Events.ERROR, (_, error) => {
      if (!error.fatal || hls !== this.#hls) return;
      if (error.type === Hls.ErrorTypes.MEDIA_ERROR && Date.now() - this.#recovered > STALLED) {
        this.#recovered = Date.now();
        hls.recoverMediaError();
        return;
      }
      this.#again(error.response?.code === 401 ? "signin" : "retrying");
    });
    hls.loadSource(this.#address);
    hls.attachMedia(this.#video);
  }

  #attachNative() {
    this.#video.src = this.#address;
    this.#start();
  }

  #start() {
    this.#video.play().catch((error) => {
      if (error.name === "NotAllowedError") this.#become("blocked");
    });
  }

  #again(state) {
    this.#detach();
    this.#become(state);
    // Asking again for a password that was just refused would only open the prompt again.
    if (state === "signin") return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#attach(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #detach() {
    clearTimeout(this.#retry);
    this.#hls?.destroy();
    this.#hls = null;
    if (this.#video.hasAttribute("src")) {
      this.#video.removeAttribute("src");
      this.#video.load();
    }
  }

  #check() {
    const video = this.#video;
    const now = Date.now();
    const moved = video.currentTime !== this.#lastTime;
    this.#lastTime = video.currentTime;
    if (moved) {
      this.#lastMoved = now;
      this.#wait = FIRST_WAIT;
    }
    const waits = video.paused || document.hidden || !this.#address;
    if (waits) this.#lastMoved = now;
    else if (["playing", "connecting"].includes(this.state) && now - this.#lastMoved > STALLED) this.#again("retrying");
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
