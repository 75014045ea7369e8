// The files that this page sends: chosen or dropped, one after the other, each with its own pause.

import { byId, light, make, renderOnce, setAttribute, setText } from "../dom.js";
import { duration } from "../words.js";
import { Upload } from "./tus.js";
import { megabytes } from "./wording.js";

const STATES = {
  waiting: ["idle", "Waiting"],
  sending: ["ok", "Sending"],
  lost: ["warning", "Interrupted; it goes on by itself"],
  paused: ["idle", "Paused"],
  failed: ["problem", "Refused"],
};

/** What the form says of all files that are sent now. */
export const wishes = () => ({ language: byId("language").value, vocabulary: byId("vocabulary").value.trim(), speakers: byId("apart").checked ? "1" : "" });

/** All of them. `onDone` is told the id of each that has arrived. */
export class Sends {
  #uploads = [];
  #rows = new Map();
  #arrivals = new Map();
  #onDone;
  #running = false;

  constructor(onDone) {
    this.#onDone = onDone;
    const drop = byId("drop");
    byId("options").addEventListener("submit", (event) => event.preventDefault());
    byId("files").addEventListener("change", (event) => {
      this.add([...event.target.files]);
      event.target.value = "";
    });
    for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => this.#over(event, true));
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => this.#over(event, false));
    drop.addEventListener("drop", (event) => this.add([...event.dataTransfer.files]));
    // A file that misses the zone would be opened in place of the page.
    for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  }

  /** Whether something would be lost if the page went now. */
  get busy() {
    return this.#uploads.some(({ state }) => state === "sending" || state === "waiting" || state === "lost");
  }

  /** Whether that transcript's file is on its way from here. */
  has(id) {
    return this.#uploads.some((upload) => upload.id === id);
  }

  /** Sends a file, with what is said of it; `onArrived` is told once all of it is there. */
  addOne(file, said, onArrived) {
    const upload = new Upload(file, { filename: file.name, ...said }, (each) => this.#draw(each));
    this.#arrivals.set(upload, onArrived);
    this.#uploads.push(upload);
    this.#draw(upload);
    this.#work();
  }

  /** Sends these files, with what the form says of them. */
  add(files) {
    const said = wishes();
    const title = files.length === 1 ? byId("title").value.trim() : "";
    for (const file of files) this.#uploads.push(new Upload(file, { filename: file.name, title, ...said }, (upload) => this.#draw(upload)));
    byId("title").value = "";
    for (const upload of this.#uploads) this.#draw(upload);
    this.#work();
  }

  async #work() {
    if (this.#running) return;
    this.#running = true;
    let next;
    while ((next = this.#uploads.find(({ state }) => state === "waiting"))) {
      await next.run();
      if (next.state === "done") this.#remove(next, true);
    }
    this.#running = false;
  }

  #over(event, is) {
    event.preventDefault();
    byId("drop").classList.toggle("over", is);
  }

  #draw(upload) {
    const row = this.#rows.get(upload) ?? this.#build(upload);
    const [tone, words] = STATES[upload.state] ?? STATES.sending;
    renderOnce(row.state, upload.state, () => [light(tone, words)]);
    const { left } = upload;
    setText(row.figures, upload.problem || `${megabytes(upload.sent)} of ${megabytes(upload.file.size)}${left === null ? "" : ` · ${duration(left)} left`}`);
    setAttribute(row.bar, "value", upload.file.size ? upload.sent / upload.file.size : 0);
    setText(row.toggle, upload.state === "paused" ? "Resume" : "Pause");
    row.toggle.hidden = upload.isOver;
    setText(row.drop, upload.isOver ? "Dismiss" : "Cancel");
  }

  #build(upload) {
    const row = {
      state: make("span"),
      figures: make("span", { class: "quiet" }),
      bar: make("progress", { max: 1, value: 0, "aria-label": `${upload.file.name}: sent` }),
      toggle: make("button", { type: "button" }),
      drop: make("button", { type: "button" }),
    };
    row.toggle.addEventListener("click", () => this.#toggle(upload));
    row.drop.addEventListener("click", () => this.#drop(upload));
    row.whole = make("li", { class: "entry" }, make("span", { class: "name" }, upload.file.name), make("span", { class: "row" }, row.toggle, row.drop), row.bar, make("span", { class: "about" }, row.state, row.figures));
    this.#rows.set(upload, row);
    byId("sends").append(row.whole);
    return row;
  }

  #toggle(upload) {
    if (upload.state === "paused") {
      upload.state = "waiting";
      this.#draw(upload);
      this.#work();
    } else {
      upload.pause();
    }
  }

  async #drop(upload) {
    if (!upload.isOver) await upload.drop();
    this.#remove(upload);
  }

  #remove(upload, done = false) {
    const held = this.#rows.get(upload)?.whole.contains(document.activeElement);
    this.#rows.get(upload)?.whole.remove();
    this.#rows.delete(upload);
    this.#uploads = this.#uploads.filter((each) => each !== upload);
    if (held) byId("files").focus();
    if (done) {
      setText(byId("announcer"), `${upload.file.name} has arrived.`);
      this.#arrivals.get(upload)?.();
    }
    this.#arrivals.delete(upload);
    this.#onDone(upload.id);
  }
}
