// A live transcript as it grows: committed segments never change, the last words may.

/** Takes segments of WhisperLive's protocol in and keeps what is committed, in seconds from the beginning. */
export class Transcript {
  #offset = 0;
  #until = 0;

  /** Committed segments {start, end, text}, in order. */
  segments = [];

  /** What may still change. */
  partial = "";

  /** The end of what is committed, in seconds. */
  get until() {
    return this.#until;
  }

  /** A new connection begins to count at that second. */
  begin(offset) {
    this.#offset = offset;
    this.partial = "";
  }

  /** Takes a message's segments; each may have been sent before. */
  take(segments) {
    let partial = "";
    for (const { start, end, text, completed } of segments) {
      const said = text.trim();
      const segment = { start: this.#offset + Number(start), end: this.#offset + Number(end), text: said };
      if (!completed) partial = said;
      else if (segment.end > this.#until + 0.01) this.#commit(segment);
    }
    this.partial = partial;
  }

  /** Another recording begins. */
  restart() {
    this.clear();
    this.#offset = this.#until = 0;
  }

  clear() {
    this.segments = [];
    this.partial = "";
  }

  #commit(segment) {
    this.#until = segment.end;
    if (segment.text) this.segments.push(segment);
  }
}

/** The committed text, one segment a line. */
export const asText = (segments) => segments.map(({ text }) => `${text}\n`).join("");

/** The committed text as SubRip subtitles. */
export function asSubtitles(segments) {
  return segments.map(({ start, end, text }, at) => `${at + 1}\n${stamp(start)} --> ${stamp(end)}\n${text}\n\n`).join("");
}

function stamp(seconds) {
  const whole = Math.round(seconds * 1000);
  const part = (value, size) => String(Math.floor(value)).padStart(size, "0");
  return `${part(whole / 3_600_000, 2)}:${part((whole / 60_000) % 60, 2)}:${part((whole / 1000) % 60, 2)},${part(whole % 1000, 3)}`;
}
