// Delay, lag and counts as plain figures, and the lag of the last phrases as a line.

import { make, makeSvg, setAttribute, setText } from "./dom.js";
import { count, hostOf, seconds } from "./words.js";

const POINTS = 60;
const WIDTH = 300;
const HEIGHT = 56;
const LEAST_SCALE = 0.5;

/** The large figures of a dub: name, value, explanation. */
function mainFigures(dub) {
  const counts = dub.counts ?? {};
  const share = counts.phrases ? `${Math.round((100 * counts.in_time) / counts.phrases)} %` : "–";
  const measured = counts.in_time + counts.late > 0;
  return [
    ["Delay", seconds(dub.delay), "of picture and sound"],
    ["Lag, median", measured ? seconds(dub.lag?.p50) : "–", "half of the dubs start earlier"],
    ["Lag, p95", measured ? seconds(dub.lag?.p95) : "–", "19 of 20 start earlier"],
    ["In time", share, counts.phrases ? `of ${count(counts.phrases, "phrase")}` : "no phrase yet"],
  ];
}

/** The small figures. */
function moreFigures(dub, playerLatency) {
  const counts = dub.counts ?? {};
  const rows = [
    ["Player, on top of the delay", playerLatency === null ? "–" : `${playerLatency.toFixed(1)} s`],
    ["Late", String(counts.late ?? 0)],
    ["Dropped", String(counts.dropped ?? 0)],
    ["Original heard", String(counts.passed_through ?? 0)],
    ["Without words", String(counts.wordless ?? 0)],
    ["Reconnects", String(dub.reconnects ?? 0)],
    ["Restarts", String(dub.restarts ?? 0)],
  ];
  if (dub.profile) rows.push(["Profile", dub.profile]);
  if (dub.speech?.address) rows.push(["Speech host", hostOf(dub.speech.address)]);
  return rows;
}

/** Renders both lists; values change in place. */
export function renderFigures(figures, details, dub, playerLatency) {
  renderList(figures, mainFigures(dub));
  renderList(details, moreFigures(dub, playerLatency));
}

function renderList(list, rows) {
  const key = rows.map(([name]) => name).join();
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(
      ...rows.map(([name, , meaning]) =>
        make("div", {}, make("dt", {}, name), make("dd", { class: "value" }), meaning ? make("dd", { class: "meaning quiet" }) : null),
      ),
    );
  }
  rows.forEach(([, value, meaning], index) => {
    const group = list.children[index];
    setText(group.querySelector(".value"), value);
    if (meaning) setText(group.querySelector(".meaning"), meaning);
  });
}

/** The lag of the last phrases, oldest first; null stands for a phrase without a dub. */
export const lagsOf = (phrases) =>
  phrases.slice(-POINTS).map(({ outcome, lateness }) => (outcome === "in_time" || outcome === "late" ? lateness : null));

/** Draws the line; says it in words for those who can't see it. */
export function renderSparkline(svg, scaleText, values) {
  const heard = values.filter((value) => value !== null);
  if (!heard.length) {
    svg.replaceChildren(line(HEIGHT - 1, "base"));
    setAttribute(svg, "aria-label", "No dubbed phrase yet");
    setText(scaleText, "No dubbed phrase yet");
    return;
  }
  const highest = Math.max(...heard);
  const top = Math.max(LEAST_SCALE, highest);
  const step = WIDTH / (POINTS - 1);
  const left = WIDTH - step * (values.length - 1);
  const at = (value, index) => [left + index * step, HEIGHT - 3 - (Math.max(0, value) / top) * (HEIGHT - 8)];
  const parts = [line(HEIGHT - 1, "base")];
  const path = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const [x, y] = at(value, index);
    const joined = index > 0 && values[index - 1] !== null;
    path.push(`${joined ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
    // A lone point would have no length to draw.
    if (!joined) path.push("h0.1");
  });
  parts.push(makeSvg("path", { d: path.join(""), class: "curve" }));
  svg.replaceChildren(...parts);
  const words = `${count(heard.length, "dubbed phrase")}: from ${seconds(Math.min(...heard))} to ${seconds(highest)}`;
  setAttribute(svg, "aria-label", words);
  setText(scaleText, words);
}

const line = (y, name) => makeSvg("path", { d: `M0 ${y}H${WIDTH}`, class: name });
