// Voices that are known in later recordings, each with a button by which it is no more.

import { byId, make } from "../dom.js";
import { forgetVoice, listVoices } from "./api.js";

/** Shows them; nothing where none is known. `act` does something that may fail. Raises RequestFailed. */
export async function showVoices(act) {
  const { voices } = await listVoices();
  byId("voices").hidden = !voices.length;
  byId("voice-list").replaceChildren(...voices.map((voice) => entry(voice, act)));
}

function entry({ id, name }, act) {
  const button = make("button", { type: "button", "aria-label": `Forget the voice of ${name}` }, "Forget");
  button.addEventListener("click", () =>
    act(async () => {
      await forgetVoice(id);
      await showVoices(act);
      byId("main").focus();
    }),
  );
  return make("li", { class: "entry" }, make("span", { class: "name" }, name), make("span", { class: "row" }, button));
}
