// Which of a stream's languages is heard, and which is read below the picture.

import { make, renderOnce } from "./dom.js";

/** Two lists beside the picture, over what the player has. */
export class Renditions {
  #player;
  #parts;

  /** `parts` are the elements: the row, and in it the lists of what is heard and read. */
  constructor(player, parts) {
    this.#player = player;
    this.#parts = parts;
    player.addEventListener("renditions", () => this.#draw());
    parts.heard.addEventListener("change", (event) => player.hear(Number(event.target.value)));
    parts.read.addEventListener("change", (event) => player.read(Number(event.target.value)));
  }

  render(shown) {
    this.#parts.row.hidden = !shown;
    this.#draw();
  }

  #draw() {
    const { sounds, sound, subtitles, subtitle } = this.#player.renditions;
    this.#offer(this.#parts.heard, sounds, sound);
    this.#offer(this.#parts.read, ["None", ...subtitles], subtitle + 1, -1);
  }

  /** `first` is the number of the first one for the player. */
  #offer(select, tracks, chosen, first = 0) {
    renderOnce(select, JSON.stringify([tracks, chosen]), () =>
      tracks.map((name, at) => make("option", { value: String(at + first), selected: at === chosen }, name)),
    );
  }
}
