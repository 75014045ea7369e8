// Health lights: media server, speech, dubber; live, sales, uploads and commentary where they are in use. Shape and words tell the state, colour only underlines it.

import { consoleHealth, dubberHealth } from "./api.js";
import { light, make, renderOnce } from "./dom.js";
import { count } from "./words.js";

const EVERY = 5_000;

/** The lights from the dubber's and the console's health documents, either of which may be null. */
export function lightsOf(dubber, consoleOwn) {
  const media = dubber?.depends_on?.media ?? consoleOwn?.depends_on?.media;
  const parts = Object.entries(dubber?.depends_on ?? {}).filter(([name]) => name !== "media");
  const hosts = parts.filter(([name]) => name.startsWith("sts ") || name === "speech pool");
  const replicas = parts.filter(([name]) => name.startsWith("replica-"));
  const own = parts.filter((part) => !hosts.includes(part) && !replicas.includes(part));
  return [
    mediaLight(media), speechLight(dubber, hosts), dubberLight(dubber, own), ...replicaLight(replicas),
    ...playerLight(consoleOwn), ...otherLights(consoleOwn),
  ];
}

function mediaLight(media) {
  if (!media) return ["idle", "Media server: unknown", ""];
  if (media.reachable) return ["ok", "Media server: working", ""];
  return ["problem", "Media server: not reachable", media.detail];
}

function speechLight(dubber, hosts) {
  if (!dubber || !hosts.length) return ["idle", "Speech: unknown", ""];
  const down = hosts.filter(([, host]) => !host.reachable);
  const detail = down.map(([, host]) => host.detail).filter(Boolean).join("; ");
  if (!down.length) {
    const notes = hosts.map(([, host]) => host.detail).filter(Boolean).join("; ");
    return ["ok", "Speech: working", notes];
  }
  if (down.length === hosts.length) return ["problem", "Speech: not reachable", detail];
  return ["warning", `Speech: ${down.length} of ${count(hosts.length, "host")} not reachable`, detail];
}

function dubberLight(dubber, parts) {
  if (!dubber) return ["problem", "Dubber: not reachable", ""];
  if (dubber.status === "starting") return ["idle", "Dubber: starting", dubber.detail];
  const wrong = parts.filter(([, part]) => !part.reachable);
  if (!wrong.length) return ["ok", "Dubber: working", ""];
  return ["warning", "Dubber: not all is well", wrong.map(([name, part]) => `${name}: ${part.detail}`).join("; ")];
}

function replicaLight(replicas) {
  if (!replicas.length) return [];
  const down = replicas.filter(([, replica]) => !replica.reachable);
  if (!down.length) return [["ok", "Read replicas: working", ""]];
  const detail = down.map(([name, replica]) => `${name}: ${replica.detail}`).join("; ");
  return [["warning", `Read replicas: ${down.length} of ${replicas.length} not working`, detail]];
}

function playerLight(consoleOwn) {
  const player = consoleOwn?.depends_on?.["hls.js"];
  return player && !player.reachable ? [["warning", "Player: missing", player.detail]] : [];
}

function otherLights(consoleOwn) {
  const names = { live: "Live", sales: "Sales", api: "Uploads", commentary: "Commentary" };
  return Object.entries(names).flatMap(([key, name]) => {
    const found = consoleOwn?.depends_on?.[key];
    if (!found) return [];
    return [found.reachable ? ["ok", `${name}: working`, ""] : ["problem", `${name}: not reachable`, found.detail]];
  });
}

/** Asks every 5 s while the page is seen, and draws the lights. */
export class Health {
  #list;
  #timer = 0;
  #told;

  /** `told` is given the dubber's document each time there is one. */
  constructor(list, told = () => {}) {
    this.#list = list;
    this.#told = told;
    document.addEventListener("visibilitychange", () => !document.hidden && this.check());
  }

  async check() {
    clearTimeout(this.#timer);
    const [dubber, own] = await Promise.all([dubberHealth(), consoleHealth()].map((asked) => asked.catch(() => null)));
    this.#draw(lightsOf(dubber, own));
    if (dubber) this.#told(dubber);
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => this.check(), EVERY);
  }

  #draw(lights) {
    renderOnce(this.#list, JSON.stringify(lights), () =>
      lights.map(([tone, words, detail]) => {
        const item = make("li", { title: detail || null }, light(tone, words));
        if (detail && tone !== "ok") item.append(make("span", { class: "unseen" }, ` (${detail})`));
        return item;
      }),
    );
  }
}
