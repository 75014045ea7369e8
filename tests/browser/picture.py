"""Takes the README's picture of the console before the real services.

`python -m tests.browser.picture docs/console.png`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from app.demo.sample import sample_video
from tests.browser.conftest import ARGUMENTS
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing_file
from tests.stack import Stack

PHRASES = 12
SIZE = {"width": 1280, "height": 1150}


def take(file: Path) -> None:
    """Publishes the sample video, waits for some phrases and a caption, and writes the picture."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ("web",)) as stack:
        rtmp = f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/news"
        with publishing_file(sample_video(40.0), rtmp), sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
            page = chromium.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
            page.goto(f"http://127.0.0.1:{stack.settings.web_port}/")
            until(page, PLAYING, 60)
            until(page, f"document.querySelectorAll('#log tr').length >= {PHRASES}", 120)
            until(page, "document.querySelector('#caption-target').textContent.length > 25", 60)
            page.screenshot(path=str(file))
            chromium.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
