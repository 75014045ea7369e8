// Requests to the sales service.

import { RequestFailed, request } from "../api.js";
import { pageToken } from "../session.js";

const SALES = "/api/sales";
const at = (id, rest = "") => `${SALES}/calls/${encodeURIComponent(id)}${rest}`;

/** Calls that are kept, newest first. */
export const listCalls = async () => (await request("GET", `${SALES}/calls`)).calls;

/** A call with its segments and objections. */
export const readCall = (id) => request("GET", at(id));

export const newCall = (title, language, channels) => request("POST", `${SALES}/calls`, { title, language, channels });
export const endCall = (id) => request("POST", at(id, "/end"));
export const deleteCall = (id) => request("DELETE", at(id));

/** The sales service's /health. */
export const salesHealth = () => request("GET", `${SALES}/health`, undefined, [503]);

export const exportAddress = (id, format) => at(id, `/export?format=${format}`);
export const eventsAddress = (id) => at(id, "/events");
export const audioAddress = (id, channel) => at(id, `/audio?channel=${channel}&format=int16&rate=16000`);

/** Asks a language model for a text about the call; `onText` gets it piece by piece. Raises RequestFailed. */
export async function write(id, what, onText) {
  let answer;
  try {
    answer = await fetch(at(id, `/${what}`), { method: "POST", headers: { "content-type": "application/json", ...pageToken() } });
  } catch {
    throw new RequestFailed("the console cannot be reached");
  }
  if (!answer.ok) {
    const { detail } = await answer.json().catch(() => ({}));
    throw new RequestFailed(typeof detail === "string" ? detail : `the answer was an error (${answer.status})`);
  }
  const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await pieces.read().catch(() => ({ done: true }));
    if (done) throw new RequestFailed("the text broke off");
    const events = (rest + value.replaceAll("\r", "")).split("\n\n");
    rest = events.pop();
    for (const event of events) if (take(event, onText)) return;
  }
}

/** Takes one server-sent event; true where it is the last. */
function take(event, onText) {
  const fields = new Map(event.split("\n").map((line) => line.split(/: ?(.*)/s)));
  if (!fields.has("data")) return false;
  const document = JSON.parse(fields.get("data"));
  if (fields.get("event") === "problem") throw new RequestFailed(document.detail);
  if (typeof document.text === "string") onText(document.text);
  return fields.get("event") === "done";
}
