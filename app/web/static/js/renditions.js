// Which of a stream's languages is heard, and which is read below the picture.

import { byId, make, renderOnce } from "./dom.js";

/** Two lists beside the picture, over what the player has. */
export class Renditions {
  #player;

  constructor(player) {
    this.#player = player;
    player.addEventListener("renditions", () => this.#draw());
    byId("heard").addEventListener("change", (event) => player.hear(Number(event.target.value)));
    byId("read").addEventListener("change", (event) => player.read(Number(event.target.value)));
  }

  render(shown) {
    byId("renditions").hidden = !shown;
    this.#draw();
  }

  #draw() {
    const { sounds, sound, subtitles, subtitle } = this.#player.renditions;
    this.#offer(byId("heard"), sounds, sound);
    this.#offer(byId("read"), ["None", ...subtitles], subtitle + 1, -1);
  }

  /** `first` is the number of the first one for the player. */
  #offer(select, tracks, chosen, first = 0) {
    renderOnce(select, JSON.stringify([tracks, chosen]), () =>
      tracks.map((name, at) => make("option", { value: String(at + first), selected: at === chosen }, name)),
    );
  }
}
