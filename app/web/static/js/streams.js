// The list of streams, and which dub of them is looked at (kept in the address as #/stream/language).

import { light, make, renderOnce } from "./dom.js";
import { STATUS, count, languageName } from "./words.js";

/** Address of a dub in this page. */
export const hashOf = (stream, language) => `#/${encodeURIComponent(stream)}/${encodeURIComponent(language)}`;

/** The stream and language that a hash names, or null. */
export function readHash(hash) {
  const match = /^#\/([^/]+)\/([^/]+)$/.exec(hash);
  if (!match) return null;
  try {
    return { stream: decodeURIComponent(match[1]), language: decodeURIComponent(match[2]) };
  } catch {
    return null;
  }
}

/** What to look at where nobody chose: the first live stream's first dub that runs. */
export function firstChoice(streams) {
  const ordered = [...streams].sort((one, other) => Number(other.ready) - Number(one.ready));
  for (const stream of ordered) {
    const dub = stream.dubs.find((one) => one.status !== "stopped") ?? stream.dubs[0];
    if (dub) return { stream: stream.name, language: dub.language };
  }
  return null;
}

/** The dub that is chosen; where the dubber doesn't know it, one that says so. */
export function chosenDub(streams, choice) {
  const stream = streams.find((one) => one.name === choice.stream) ?? null;
  const dub = stream?.dubs.find((one) => one.language === choice.language) ?? {
    stream: choice.stream,
    language: choice.language,
    status: stream?.ready ? "stopped" : "absent",
  };
  return { stream, dub };
}

/** Draws the list; links keep their focus as long as nothing in it changes. */
export function renderStreams(parent, streams, choice) {
  const shown = streams.map((stream) => [stream.name, stream.ready, stream.dubs.map((dub) => [dub.language, dub.status])]);
  const focused = parent.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  renderOnce(parent, JSON.stringify([shown, choice]), () =>
    streams.length ? [make("ul", { role: "list" }, ...streams.map((stream) => streamItem(stream, hereOf, choice)))] : [make("p", { class: "quiet" }, "None yet.")],
  );
  if (focused && !parent.contains(document.activeElement)) parent.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

const hereOf = (language, stream) => hashOf(stream.name, language);

/** A stream in a list; `address` gives where a language of it is seen. */
export function streamItem(stream, address, choice = null) {
  const state = stream.ready ? light("ok", "Live") : light("idle", "Not live");
  return make(
    "li",
    { class: "stream" },
    make("p", { class: "stream-head" }, make("strong", {}, stream.name), state),
    stream.dubs.length ? make("ul", { role: "list" }, ...stream.dubs.map((dub) => dubItem(dub, stream, address, choice))) : make("p", { class: "quiet small" }, "No dub."),
  );
}

function dubItem(dub, stream, address, choice) {
  const [words, tone] = STATUS[dub.status] ?? [dub.status, "idle"];
  const current = choice?.stream === stream.name && choice?.language === dub.language;
  return make(
    "li",
    {},
    make(
      "a",
      { href: address(dub.language, stream), "aria-current": current ? "true" : null },
      make("span", {}, languageName(dub.language)),
      " ",
      light(tone, words),
    ),
  );
}

/** "RTMP · H264, AAC": how a stream arrives. */
export function aboutSource(stream) {
  const source = stream?.source ?? {};
  const kind = (source.type ?? "").replace(/(Conn|Session|Source)$/, "").replace(/^(rtmp|rtsp|srt|hls|webRTC)/i, (name) => name.toUpperCase());
  const tracks = (source.tracks ?? []).join(", ");
  return [kind && `from ${kind}`, tracks, count(stream?.dubs?.length ?? 0, "dub")].filter(Boolean).join(" · ");
}
