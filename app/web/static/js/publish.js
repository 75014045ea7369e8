// How to publish a stream, with addresses that can be copied.

import { ingest, RequestFailed } from "./api.js";
import { make, setText } from "./dom.js";
import { copy } from "./live/save.js";

const NAME = /^[A-Za-z0-9_.-]+$/;
const SETTLED = 500;

/** Where a stream of that name is published, over RTMP and SRT, at this page's host. */
function here(hostname, settings, name) {
  const host = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  // What comes over HTTPS comes through the edge, beside which there is RTMPS.
  const [scheme, port] =
    location.protocol === "https:" ? ["rtmps", settings.rtmps_port] : ["rtmp", settings.rtmp_port];
  return {
    rtmp: `${scheme}://${host}:${port}/live/${name}`,
    srt: `srt://${host}:${settings.srt_port}?streamid=publish:live/${name}`,
  };
}

/** What a publisher enters, for a stream's name and where it is published. */
function publishAddresses(place, settings, name) {
  const server = (place.rtmps ?? place.rtmp).slice(0, -name.length - 1);
  const needsPassword = settings.publishing_needs_password;
  const key = needsPassword ? `${name}?user=USER&pass=PASSWORD` : name;
  const srt = `${place.srt}${needsPassword ? ":USER:PASSWORD" : ""}`;
  return {
    server,
    key,
    ffmpeg: `ffmpeg -re -i video.mp4 -c:v libx264 -preset veryfast -bf 0 -g 50 -c:a aac -f flv "${server}/${key}"`,
    srt: settings.srt_needs_passphrase ? `${srt}&passphrase=PASSPHRASE` : srt,
    demo: "make demo",
  };
}

/** Fills the panel; the addresses follow the name that is typed. Where there are cells, one is chosen for it. */
export function renderPublish(panel, body, settings, hostname) {
  const name = make("input", { id: "publish-name", value: "match", autocomplete: "off", spellcheck: "false", maxlength: 60 });
  const wrong = make("p", { class: "problem", id: "publish-wrong", hidden: true }, "A name has letters without accents, digits, and . _ - only.");
  const fields = { server: copyable("Server"), key: copyable("Stream key"), ffmpeg: copyable("Command"), srt: copyable("Address"), demo: copyable("Command") };
  const cell = make("p", { id: "publish-cell", role: "status", hidden: true });
  const ways = make("div", { class: "ways" });
  const show = (place) => {
    const addresses = publishAddresses(place, settings, name.value);
    for (const [field, { code }] of Object.entries(fields)) setText(code, addresses[field]);
  };
  // A cell that is named keeps room for the stream: not before the name is typed, and somebody wants to know.
  let asking = 0;
  const ask = async () => {
    if (!panel.open) return;
    const asked = name.value;
    const [words, place] = await placeOf(asked);
    if (asked !== name.value) return;
    setText(cell, words);
    cell.hidden = false;
    ways.hidden = !place;
    if (place) show(place);
  };
  const update = () => {
    const good = NAME.test(name.value);
    wrong.hidden = good;
    name.setAttribute("aria-invalid", String(!good));
    clearTimeout(asking);
    if (!good) return;
    if (!settings.cells) return show(here(hostname, settings, name.value));
    ways.hidden = true;
    asking = setTimeout(ask, SETTLED);
  };
  name.addEventListener("input", update);
  if (settings.cells) panel.addEventListener("toggle", update);
  ways.append(
    make("h3", {}, "From OBS"),
    make("p", {}, "Settings, Stream, service “Custom…”. Keyframe interval 1 or 2 s, no B-frames."),
    fields.server.row,
    fields.key.row,
    make("h3", {}, "From a file, with ffmpeg"),
    fields.ffmpeg.row,
    make("h3", {}, "From an encoder that speaks SRT"),
    settings.srt_needs_passphrase ? make("p", {}, "It is encrypted here: put MEDIA_SRT_PASSPHRASE in place of PASSPHRASE.") : "",
    fields.srt.row,
  );
  body.replaceChildren(
    make("p", { class: "row name" }, make("label", { for: "publish-name" }, "Name of the stream"), name),
    wrong,
    settings.publishing_needs_password
      ? make("p", {}, "Publishing needs a password here: put MEDIA_PUBLISH_USER and its password in place of USER and PASSWORD.")
      : "",
    cell,
    ways,
    make("h3", {}, "The built-in demo"),
    make("p", {}, "In the folder of Voicestack; it makes a speaking test stream and measures the dub."),
    fields.demo.row,
  );
  update();
}

/** What is said of where a stream goes, and its addresses there; null where no cell takes it. */
async function placeOf(name) {
  try {
    const { cell, publish } = await ingest(name);
    return [`It goes to ${cell}.`, publish];
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    return [`Where it goes is not known: ${error.message}.`, null];
  }
}

function copyable(label) {
  const code = make("code", { tabindex: 0 });
  const button = make("button", { type: "button", "aria-label": `Copy the ${label.toLowerCase()}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await copy(code.textContent, code);
    setText(button, done ? "Copied" : "Press Ctrl+C");
    setTimeout(() => setText(button, "Copy"), 2000);
  });
  return { code, row: make("div", { class: "copyable" }, make("span", { class: "label" }, label), code, button) };
}
