"""Takes the README's pictures of the console before the real services.

`python -m tests.browser.picture dubbing docs/console.png`
`python -m tests.browser.picture calls docs/console-calls.png`
`python -m tests.browser.picture uploads docs/console-uploads.png`
`python -m tests.browser.picture commentary docs/console-commentary.png`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from app.demo.commentary.script import lay_out
from app.demo.commentary.video import video
from app.demo.sample import sample_video
from app.demo.uploads.interview import speak
from tests.browser.conftest import ARGUMENTS
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing_file
from tests.stack import Stack

EVERYTHING = ("web", "sales")
PHRASES = 12


def dubbing(file: Path, folder: Path) -> None:
    """Publishes the sample video, waits for some phrases and a caption, and writes the picture."""
    with Stack(folder, EVERYTHING) as stack:
        rtmp = f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/news"
        with publishing_file(sample_video(40.0), rtmp):
            take(f"http://127.0.0.1:{stack.settings.web_port}/", file, 1150, follow_dub)


def follow_dub(page: Page) -> None:
    """Waits until there is something to see."""
    until(page, PLAYING, 60)
    until(page, f"document.querySelectorAll('#log tr').length >= {PHRASES}", 120)
    until(page, "document.querySelector('#caption-target').textContent.length > 25", 60)


def calls(file: Path, folder: Path) -> None:
    """Plays the sample call in the console, and writes the picture of its beginning."""
    with Stack(folder, EVERYTHING) as stack:
        take(f"http://127.0.0.1:{stack.settings.web_port}/calls/#/new", file, 780, follow_call)


def follow_call(page: Page) -> None:
    """Starts the call, waits for objections and unfolds the answers to the newest."""
    until(page, "document.querySelectorAll('#lights .light.ok').length === 5", 20)
    page.get_by_label("Sample call").check()
    page.get_by_label("Title").fill("Smith and Sons")
    page.get_by_role("button", name="Start the call").click()
    until(page, "document.querySelectorAll('#objections > li').length >= 3", 120)
    page.locator("#objections summary").first.click()
    page.mouse.move(0, 0)
    until(page, "document.querySelector('#partials').textContent.length > 12", 60)


def uploads(file: Path, folder: Path) -> None:
    """Uploads the demo's interview, opens its text, and writes the picture."""
    sound = folder / "The lighthouse.wav"
    speak(sound)
    with Stack(folder, ("web", "api", "transcriber")) as stack:

        def follow(page: Page) -> None:
            page.get_by_label("Tell speakers apart").check()
            page.set_input_files("input[type=file]", sound)
            until(page, "document.querySelector('a[href*=\"#/\"]') !== null", 60)
            page.get_by_role("link", name="The lighthouse").first.click()
            until(page, "document.querySelector('#text b') !== null", 240)
            page.evaluate("scrollTo(0, 0)")
            page.mouse.move(0, 0)

        take(f"http://127.0.0.1:{stack.settings.web_port}/uploads/", file, 900, follow)


def commentary(file: Path, folder: Path) -> None:
    """Publishes the commentary demo's video, watches it, and writes the picture."""
    with Stack(folder, ("web", "tts", "commentary")) as stack:
        rtmp = f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/demo"
        with publishing_file(video(lay_out(1, 6, 20.0)), rtmp):
            take(f"http://127.0.0.1:{stack.settings.web_port}/commentary/", file, 1150, follow_comments)


def follow_comments(page: Page) -> None:
    """Watches the stream until a fade has been told."""
    until(page, "document.querySelector('#name option[value=\"live/demo\"]') !== null", 60)
    page.get_by_role("button", name="Start").click()
    until(page, "document.querySelector('#now').textContent.includes('fade')", 120)
    page.mouse.move(0, 0)
    # The scene stays, and the picture beside the comment is a new one each second.
    page.wait_for_timeout(2000)


def take(address: str, file: Path, height: int, follow: Callable[[Page], None]) -> None:
    """Opens a page, does what is to be done, and writes the picture."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        page = chromium.new_page(viewport={"width": 1280, "height": height}, color_scheme="light")
        page.goto(address)
        follow(page)
        page.screenshot(path=str(file))
        chromium.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        kinds = {"dubbing": dubbing, "calls": calls, "uploads": uploads, "commentary": commentary}
        kinds[sys.argv[1]](Path(sys.argv[2]), Path(name))
