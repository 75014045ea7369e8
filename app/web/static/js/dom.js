// Small helpers to make and change elements. Text is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** The element with that id in the page. */
export const byId = (id) => document.getElementById(id);

/** A new element with attributes (true sets an empty one, false and null leave it out) and children. */
export function make(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** A new SVG element. */
export function makeSvg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets a text only where it differs, so that screen readers and selections are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or removes an attribute only where it differs. */
export function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

const SHAPES = {
  ok: () => [makeSvg("circle", { cx: 8, cy: 8, r: 6 })],
  warning: () => [makeSvg("path", { d: "M8 1.5 15 14H1z" })],
  problem: () => [
    makeSvg("path", { d: "M5 1h6l4 4v6l-4 4H5l-4-4V5z" }),
    makeSvg("path", { d: "M5.5 5.5l5 5M10.5 5.5l-5 5", class: "cut" }),
  ],
  idle: () => [makeSvg("circle", { cx: 8, cy: 8, r: 5, class: "hollow" })],
};

/** A shape that tells a tone without its colour: disc, triangle, octagon with a cross, ring. */
export function shape(tone) {
  const attributes = { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true", class: `shape ${tone}` };
  return makeSvg("svg", attributes, ...SHAPES[tone]());
}

/** A shape and words in one element. `words` is also what a screen reader says. */
export function light(tone, words, className = "light") {
  return make("span", { class: `${className} ${tone}` }, shape(tone), make("span", {}, words));
}

/** Replaces the children of a parent where `key` says that they changed. */
export function renderOnce(parent, key, build) {
  if (parent.dataset.key === key) return;
  parent.dataset.key = key;
  parent.replaceChildren(...build());
}
