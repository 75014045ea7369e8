// What is said in place of the picture while there is none.

import { STATUS } from "./words.js";

const PLAYER = {
  connecting: "Loading the picture…",
  retrying: "The picture stopped. Trying again…",
  missing: "This browser needs hls.js to play, and it is missing: run `make setup` on the server.",
  signin: "Watching needs the user name and password of the media server.",
  blocked: "",
  playing: "",
};

/** The words over the picture and whether there is a button to try again; no words while it plays. */
export function curtainWords(playerState, status, plays) {
  if (playerState === "idle") {
    if (plays !== "dub") return { text: "The stream is not live now.", retry: false };
    return { text: STATUS[status]?.[2] ?? "", retry: false };
  }
  if (playerState === "connecting" && plays === "all") return { text: "Putting the languages together…", retry: false };
  return { text: PLAYER[playerState] ?? "", retry: playerState === "retrying" || playerState === "signin" };
}
