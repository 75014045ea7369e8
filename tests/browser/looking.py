"""What the tests ask of a page: waiting for something to be so, and checks of how it can be read."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, ViewportSize

from tests.browser.servers import wait_until

Scheme = Literal["light", "dark"]
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 800}
LOOKS = pytest.mark.parametrize(
    ("scheme", "size"),
    [
        pytest.param("light", PHONE, id="light-phone"),
        pytest.param("dark", DESK, id="dark-desk"),
        pytest.param("light", DESK, id="light-desk", marks=pytest.mark.thorough),
        pytest.param("dark", PHONE, id="dark-phone", marks=pytest.mark.thorough),
    ],
)
"""Each width and each scheme, and at night each with each."""

# WCAG 2.2, success criterion 1.4.3: https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([red, green, blue]) => {
    const linear = (value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = rgba(getComputedStyle(one).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    const seen = element.checkVisibility({ visibilityProperty: true });
    if (!text || !seen || element.closest(".unseen, noscript, option")) continue;
    const style = getComputedStyle(element);
    const [light, dark] = [luminance(rgba(style.color)), luminance(ground(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    found.push({ text: text.slice(0, 60), ratio, enough: ratio >= (large ? 3 : 4.5) });
  }
  return found;
}"""

STRUCTURE = """() => {
  const problems = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const visible = (element) => element.checkVisibility();
  const idsIn = (element, name) => (element.getAttribute(name) ?? "").split(" ").filter(Boolean);
  const texts = (elements) => [...elements].map((one) => one?.textContent ?? "").join("");
  const labels = (element) => idsIn(element, "aria-labelledby").map((id) => document.getElementById(id));
  const named = (element) =>
    (element.getAttribute("aria-label") ?? "") +
    texts([element, ...labels(element), ...(element.labels ?? [])]).trim();
  const ids = all("[id]").map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`id twice: ${id}`);
  for (const name of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const element of all(`[${name}]`)) {
      for (const id of idsIn(element, name)) if (!ids.includes(id)) problems.push(`no element ${id}`);
    }
  }
  const need = "button, a, input, select, video, dialog, nav, section, [role=img], [role=region]";
  for (const element of all(need)) {
    if (visible(element) && !named(element)) problems.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  }
  let level = 0;
  for (const heading of all("h1, h2, h3").filter(visible)) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1 && level > 0) problems.push(`heading skips a level: ${heading.textContent}`);
    level = own;
  }
  if (all("h1").filter(visible).length !== 1) problems.push("not one h1");
  if (all("main").length !== 1) problems.push("not one main");
  return problems;
}"""

PLAYING = """(() => {
  const video = document.querySelector("video");
  return video.videoWidth > 0 && video.currentTime > 0.3 && !video.paused;
})()"""


def until(page: Page, expression: str, seconds: float = 20.0) -> None:
    """Waits until a JavaScript expression is true; the page's policy forbids Playwright's own way."""
    wait_until(lambda: bool(page.evaluate(expression)), expression, seconds)


def unreadable(page: Page) -> list[Any]:
    """Texts that stand out too little from their ground. Fails where there is no text at all."""
    # A form's answer is there before its stylesheets: light text on no ground, where dark was asked for.
    page.wait_for_load_state("load")
    texts = page.evaluate(CONTRAST)
    assert texts
    return [text for text in texts if not text["enough"]]


def badly_built(page: Page) -> list[str]:
    """What keeps a screen reader from reading the page well."""
    found: list[str] = page.evaluate(STRUCTURE)
    return found


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than the window."""
    page.wait_for_load_state("load")
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
