// What states and sizes of uploads are called.

import { clock } from "../live/lines.js";
import { dayAndTime, languageName } from "../words.js";

/** State of a transcript: its tone and words. */
export const STATES = {
  arriving: ["idle", "Arriving"],
  queued: ["idle", "Waiting its turn"],
  working: ["ok", "Being written down"],
  done: ["ok", "Done"],
  failed: ["problem", "Failed"],
  cancelled: ["idle", "Cancelled"],
};

/** A moment in milliseconds since 1970, as its day and time. */
export const day = (moment) => dayAndTime(moment / 1000);

/** Bytes as "1.5 MB". */
export function megabytes(bytes) {
  const [value, unit] = bytes < 1e9 ? [bytes / 1e6, "MB"] : [bytes / 1e9, "GB"];
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}

/** Day, length and language of a transcript, as far as they are known. */
export const facts = ({ made_at, seconds, language }) =>
  [day(Date.parse(made_at)), seconds === null ? "" : clock(seconds), language ? languageName(language) : ""].filter(Boolean).join(" · ");

/** The address of a transcript on this page, at a time of it. */
export const placeOf = (id, second) => `#/${id}${second === undefined ? "" : `/${second.toFixed(1)}`}`;
