"""The console in a real browser: system Chromium, the real web service, a real media server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect, sync_playwright

from app.settings import load
from app.web.service import create
from tests.browser.servers import media_server, serving
from tests.browser.stand_in import StandInDubber
from tests.browser.voice import save, speak
from tests.stack import free_port

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)

# Playwright's own five seconds are few where other tests take both processors.
expect.set_options(timeout=20_000)

LOCALE: Any = {"locale": "en-GB", "timezone_id": "UTC"}
SENTENCES = [
    "Good morning, thank you for taking the time.",
    "To be honest, this is too expensive for us.",
]


@dataclass(frozen=True)
class Media:
    """A running media server."""

    hls_port: int
    rtmp: str


class Stage:
    """The web service before a stand-in dubber that can be taken down and brought back."""

    def __init__(self, media: Media) -> None:
        self.dubber = StandInDubber()
        self.dubber_port = free_port()
        self.media = media
        self._dubber = ExitStack()
        self.web = ""

    def dubber_up(self) -> None:
        """Starts the stand-in on its port."""
        self._dubber.enter_context(serving(self.dubber.app(), self.dubber_port))

    def dubber_down(self) -> None:
        """Stops it: connections are refused from now on."""
        self._dubber.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def browser(chromium: BrowserType) -> Iterator[Browser]:
    launched = chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
    yield launched
    launched.close()


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone hears, over and over."""
    return save(Path(tmp_path_factory.mktemp("speech")) / "speech.wav", speak(SENTENCES))


@pytest.fixture(scope="session")
def hearing_browser(chromium: BrowserType, speech: Path) -> Iterator[Browser]:
    """A browser with a microphone that hears `speech`, and that knows this machine as console.test too."""
    microphone = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech}",
        "--host-resolver-rules=MAP console.test 127.0.0.1",
    ]
    launched = chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGUMENTS, *microphone])
    yield launched
    launched.close()


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Media]:
    hls, rtmp, api = free_port(), free_port(), free_port()
    with media_server(Path(tmp_path_factory.mktemp("media")), hls, rtmp, api):
        yield Media(hls, f"rtmp://127.0.0.1:{rtmp}")


@pytest.fixture
def stage(media: Media) -> Iterator[Stage]:
    stage = Stage(media)
    settings = load(
        {
            "DUBBER_URL": f"http://127.0.0.1:{stage.dubber_port}",
            "MEDIA_HLS_PORT": str(media.hls_port),
            "TARGET_LANGUAGES": "es,fr",
        }
    )
    stage.dubber_up()
    with serving(create(settings), free_port()) as stage.web:
        yield stage
    stage.dubber_down()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that fails the test for an error in its scripts or a break of its security policy."""
    with watched(browser.new_context(**getattr(request, "param", {}), **LOCALE)) as page:
        yield page


@pytest.fixture
def hearing_page(hearing_browser: Browser) -> Iterator[Page]:
    """The same, with a microphone."""
    with watched(hearing_browser.new_context(**LOCALE)) as page:
        yield page


@contextmanager
def watched(context: BrowserContext) -> Iterator[Page]:
    """A page of that context; raises AssertionError at its end for what went wrong in it."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    context.close()
    assert problems == []
