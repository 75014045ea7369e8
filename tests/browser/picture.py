"""Takes the README's pictures of the console before the real services.

`python -m tests.browser.picture dubbing docs/console.png`
`python -m tests.browser.picture calls docs/console-calls.png`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from app.demo.sales.script import CALL, lay_out, reading_times
from app.demo.sample import sample_video
from app.sales.service import create as create_sales
from app.settings import load
from app.web.service import create as create_web
from tests.browser.conftest import ARGUMENTS
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing_file, serving
from tests.stack import Stack, free_port

PHRASES = 12
LINES = 10


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
    """Sends the sample call to sales line by line as text, and writes the picture of its beginning."""
    placed, port = lay_out(CALL, reading_times(CALL))[:LINES], free_port()
    with ExitStack() as running:
        stack = running.enter_context(Stack(folder, ("dubber",)))
        ports = {name: value for name, value in stack.environment.items() if name.endswith("_PORT")}
        address = running.enter_context(serving(create_sales(load({})), port))
        console = create_web(load(ports | {"SALES_PORT": str(port)}))
        web = running.enter_context(serving(console, free_port()))
        asked = {"title": "Smith and Sons", "channels": ["seller", "customer"]}
        with httpx.Client(base_url=address, trust_env=False) as client:
            call = client.post("/calls", json=asked).json()["id"]
            for each in placed:
                said = {"channel": each.line.channel, "text": each.line.text}
                client.post(
                    f"/calls/{call}/text", json=said | {"start": each.start, "end": each.end}
                ).raise_for_status()
        take(f"{web}/calls/#/{call}", file, 760, follow_call)


def follow_call(page: Page) -> None:
    """Waits for the objections and unfolds the answers to the newest."""
    until(page, f"document.querySelectorAll('#lines > li').length === {LINES}", 20)
    until(page, "document.querySelectorAll('#objections > li').length >= 3", 20)
    until(page, "document.querySelectorAll('#lights .light.ok').length === 4", 20)
    page.locator("#objections summary").first.click()
    page.mouse.move(0, 0)


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
