"""A browser's camera in a room of the real LiveKit server, watched and commented on (COM-3, COM-4, COM-5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from app.web.service import create
from tests.browser.conftest import ARGUMENTS, LOCALE, watched
from tests.browser.looking import until
from tests.browser.servers import serving
from tests.stack import Stack, free_port

PATIENCE = 30_000
LEVEL = """
async () => {
  const stream = document.querySelector("#room-voice")?.srcObject;
  if (!stream) return 0;
  window.listening ??= (() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    return analyser;
  })();
  const samples = new Float32Array(window.listening.fftSize);
  window.listening.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
}
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Commentary, a voice, and LiveKit's server."""
    folder = Path(tmp_path_factory.mktemp("rooms"))
    more = {"LIVEKIT_ENABLED": "true", "TTS_ENGINE": "espeak"}
    more |= {"RECONNECT_DELAY": "0.5", "MAX_RECONNECT_DELAY": "1.0"}
    with Stack(folder, ("livekit", "commentary", "tts"), more) as stack:
        yield stack


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    with serving(create(stack.settings), free_port()) as web:
        yield f"{web}/commentary/"


@pytest.fixture(scope="module")
def seeing_browser(chromium: BrowserType) -> Iterator[Browser]:
    """A browser with a camera that shows a moving picture."""
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    launched = chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGUMENTS, *camera])
    yield launched
    launched.close()


@pytest.fixture
def seeing_page(seeing_browser: Browser) -> Iterator[Page]:
    with watched(seeing_browser.new_context(**LOCALE)) as page:
        yield page


def test_a_browsers_camera_is_seen_and_what_is_said_of_it_heard_there(
    seeing_page: Page, address: str
) -> None:
    page = seeing_page
    page.goto(address)
    page.get_by_label("Kind").select_option(label="This browser’s camera")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#status")).to_contain_text("Watching", timeout=PATIENCE)
    expect(page.locator("#lines .line").first).to_be_visible(timeout=PATIENCE)
    until(page, f"({LEVEL})().then((level) => level > 0.01)")
    expect(page.locator("#states")).to_contain_text("LiveKit: connected")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_contain_text("Ended")
