// The audio description: whether the stream can have one, how it is, and the stream as it sounds with it.

import { byId, setText } from "../dom.js";
import { Player } from "../player.js";

export const describable = ({ kind, name }) => kind === "stream" && name.startsWith("live/");

/** Shows the description of a session; `plays` says that it is being listened to. */
export class DescriptionView {
  #player = new Player(byId("described"));
  #details = byId("description");
  #path = "";

  constructor() {
    this.#details.addEventListener("toggle", () => this.#play());
  }

  get plays() {
    return this.#details.open && this.#path !== "";
  }

  render(source, description) {
    byId("describe-field").hidden = !describable(source);
    this.#details.hidden = !description;
    this.#path = description?.running ? description.path : "";
    if (description) setText(byId("description-about"), about(description));
    this.#play();
  }

  #play() {
    this.#player.play(this.plays ? `/hls/${this.#path.split("/").map(encodeURIComponent).join("/")}/index.m3u8` : "");
  }
}

function about({ path, running, said, dropped, detail }) {
  if (detail) return `${path}: ${detail}.`;
  if (!running) return `${path} is starting.`;
  return `${path}, 8 seconds behind: ${said} said in pauses, ${dropped} left out for want of one.`;
}
