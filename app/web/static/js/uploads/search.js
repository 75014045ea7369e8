// Search over everything that was said, and titles, while it is typed.

import { RequestFailed } from "../api.js";
import { byId, make, setText } from "../dom.js";
import { clock } from "../live/lines.js";
import { count } from "../words.js";
import { search } from "./api.js";
import { placeOf } from "./wording.js";

const PAUSE = 300;
let timer = 0;
let asked = "";

/** Makes the search field work. */
export function listenForSearch() {
  byId("words").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  });
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
}

async function look() {
  clearTimeout(timer);
  const words = byId("words").value.trim();
  asked = words;
  byId("found").hidden = !words;
  if (!words) return;
  try {
    const found = await search(words);
    if (asked === words) draw(found);
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    if (asked === words) setText(byId("found-about"), `Searching failed: ${error.message}.`);
  }
}

function draw({ transcripts, phrases }) {
  const similar = phrases.filter((each) => each.similar).length;
  const counted = [[transcripts.length, "title", ""], [phrases.length - similar, "phrase", ""], [similar, "phrase", " with a similar name"]];
  const found = counted.filter(([number]) => number).map(([number, word, how]) => count(number, word) + how);
  setText(byId("found-about"), found.length ? `${found.join(", ")}.` : "Nothing was found.");
  byId("found-titles").replaceChildren(...transcripts.map(({ id, title }) => make("li", {}, make("a", { href: placeOf(id) }, title))));
  byId("found-phrases").replaceChildren(...phrases.map(phrase));
}

function phrase({ transcript, title, start, parts }) {
  const marked = parts.map((part, at) => (at % 2 ? make("mark", {}, part) : part));
  return make("li", {}, make("a", { href: placeOf(transcript, start) }, `${title}, ${clock(start)}`), " ", ...marked);
}
