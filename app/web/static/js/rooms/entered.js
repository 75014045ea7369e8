// A room of LiveKit that this browser is in: entered, and entered again where the connection is lost, until it is left.

const LIBRARY = "/libraries/livekit-client.js?v=2.15.0";
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 5_000;
const RESUME_WITHIN = 3_000;
const RESUME_EVERY = 500;

export class Entered {
  #hooks;
  #room = null;
  #wait = FIRST_WAIT;
  #timer = 0;
  #over = false;

  /**
   * `token()` lets in; `prepare(room, RoomEvent)` listens to a room before it is entered; `enter(room)` does there
   * what is to be done first; `onProblem(words)` tells why it is not entered yet, empty words that it is.
   */
  constructor({ token, prepare, enter, onProblem, options = {} }) {
    this.#hooks = { token, prepare, enter, onProblem, options };
    this.#enter();
  }

  leave() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#room?.disconnect();
  }

  async #enter() {
    let room = null;
    try {
      await import(LIBRARY);
      const { Room, RoomEvent } = globalThis.LivekitClient;
      const { token } = await this.#hooks.token();
      // After a restart the server knows no rooms: soon it is better to begin anew than to come back.
      room = new Room({ reconnectPolicy: { nextRetryDelayInMs: ({ elapsedMs }) => (elapsedMs < RESUME_WITHIN ? RESUME_EVERY : null) } });
      this.#hooks.prepare(room, RoomEvent);
      room.on(RoomEvent.Disconnected, () => room === this.#room && this.#again());
      // Without servers of others for finding one’s own address: LiveKit’s is reached directly.
      await room.connect(`${location.origin.replace("http", "ws")}/api/livekit`, token, { rtcConfig: { iceServers: [] }, ...this.#hooks.options });
      if (this.#over) return await room.disconnect();
      this.#room = room;
      await this.#hooks.enter(room);
      this.#wait = FIRST_WAIT;
      this.#hooks.onProblem("");
    } catch (error) {
      if (this.#over) return;
      room?.disconnect();
      this.#hooks.onProblem(error.message);
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
}
