"""Takes the README's pictures of the console before the real services.

`python -m tests.browser.picture dubbing docs/console.png`
`python -m tests.browser.picture calls docs/console-calls.png`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from app.demo.sample import sample_video
from tests.browser.conftest import ARGUMENTS
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing_file
from tests.browser.voice import save, speak
from tests.stack import Stack

PHRASES = 12
SELLER = ["Good morning, thank you for taking the time.", "What would it be worth to you?"]
CUSTOMER = ["To be honest, this is too expensive for us.", "I have to talk to my boss first."]


def dubbing(file: Path, folder: Path) -> None:
    """Publishes the sample video, waits for some phrases and a caption, and writes the picture."""
    with Stack(folder, ("web",)) as stack:
        rtmp = f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/news"
        with publishing_file(sample_video(40.0), rtmp):
            take(f"http://127.0.0.1:{stack.settings.web_port}/", file, 1150, follow_dub)


def follow_dub(page: Page) -> None:
    """Waits until there is something to see."""
    until(page, PLAYING, 60)
    until(page, f"document.querySelectorAll('#log tr').length >= {PHRASES}", 120)
    until(page, "document.querySelector('#caption-target').textContent.length > 25", 60)


def calls(file: Path, folder: Path) -> None:
    """Plays a call of two voices, waits for its objections, and writes the picture."""
    talk = save(folder / "Smith and Sons.wav", speak(SELLER), speak(CUSTOMER, 3.5))

    def follow(page: Page) -> None:
        page.get_by_label("Sound or video file").check()
        page.get_by_label("File", exact=True).set_input_files(talk)
        page.get_by_label("Title").fill("Smith and Sons")
        page.get_by_role("button", name="Start the call").click()
        until(page, "document.querySelectorAll('#objections > li').length >= 2", 60)
        page.locator("#objections summary").first.click()

    with Stack(folder, ("sales", "web")) as stack:
        take(f"http://127.0.0.1:{stack.settings.web_port}/calls/#/new", file, 800, follow)


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
        {"dubbing": dubbing, "calls": calls}[sys.argv[1]](Path(sys.argv[2]), Path(name))
