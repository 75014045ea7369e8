"""The page Commentary before the real service and a real voice (COM-1, COM-4, COM-5, COM-7)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.settings import load
from app.web.service import create
from tests.browser.looking import PHONE, badly_built, scrolls_sideways, unreadable, until
from tests.browser.servers import serving
from tests.stack import Stack, free_port
from tests.unit.commentary.moving_pictures import BLUE, GREY, RED, video

PATIENCE = 30_000
HEARD = """
window.heard = [];
const play = Audio.prototype.play;
Audio.prototype.play = function () {
  window.heard.push(this.src);
  return play.call(this);
};
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, before commentary with a video of cuts and a voice."""
    folder = Path(tmp_path_factory.mktemp("commentary"))
    (folder / "videos").mkdir()
    video(folder / "videos" / "cuts.mp4", [RED] * 75 + [BLUE] * 75 + [GREY] * 75)
    more = {"COMMENTARY_FOLDER": str(folder / "videos"), "TTS_ENGINE": "espeak"}
    with (
        Stack(folder, ("commentary", "tts"), more) as stack,
        serving(create(stack.settings), free_port()) as web,
    ):
        yield f"{web}/commentary/"


def test_a_video_is_watched_told_spoken_and_saved(page: Page, address: str, tmp_path: Path) -> None:
    page.add_init_script(HEARD)
    page.goto(address)
    page.get_by_label("Kind").select_option("file")
    page.get_by_label("Which").select_option("cuts.mp4")
    page.get_by_label("Again and again").check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#status")).to_contain_text("Watching", timeout=PATIENCE)
    expect(page.locator("#lines .line", has_text="blue").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("img", name="The picture that is commented on")).to_be_visible()
    until(page, "document.querySelector('#picture').naturalWidth === 640")
    until(page, "window.heard.some((address) => address.endsWith('sound.wav'))")
    expect(page.locator("#states")).to_contain_text("Speech: working")
    expect(page.locator("#states")).not_to_contain_text("LiveKit")

    page.get_by_label("Profile").select_option("nature")
    expect(page.get_by_label("Pace")).to_have_value("calm")
    page.get_by_label("Muted").check()
    assert badly_built(page) == []
    assert unreadable(page) == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="JSON").click()
    saved.value.save_as(tmp_path / "history.json")
    assert any("blue" in each["text"] for each in json.loads((tmp_path / "history.json").read_text()))

    page.set_viewport_size(PHONE)
    page.reload()
    # What goes on is found again.
    expect(page.locator("#status")).to_contain_text("Watching", timeout=PATIENCE)
    expect(page.get_by_label("Profile")).to_have_value("nature")
    expect(page.get_by_label("Muted")).to_be_checked()
    page.emulate_media(color_scheme="dark")
    assert not scrolls_sideways(page)
    assert unreadable(page) == []
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_contain_text("Ended")


def test_what_can_not_be_watched_is_told_with_what_to_do(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#source-about")).to_contain_text("The dubber does not answer", ignore_case=True)
    page.get_by_label("Kind").select_option("rtsp")
    expect(page.locator("#source-about")).to_contain_text("COMMENTARY_HOSTS")
    page.get_by_label("Address").fill("rtsp://camera/door")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("camera:554 is not in COMMENTARY_HOSTS")


def test_without_the_service_the_page_says_how_to_start_it(page: Page) -> None:
    settings = load({"COMMENTARY_PORT": "9", "DUBBER_PORT": "9"})
    with serving(create(settings), free_port()) as web:
        page.goto(f"{web}/commentary/")
        expect(page.get_by_role("heading", name="Commentary is not running")).to_be_visible()
        expect(page.locator("code")).to_contain_text("--services commentary,tts,web")
        assert badly_built(page) == []


@pytest.mark.thorough
def test_a_stream_is_played_with_its_audio_description(page: Page, tmp_path: Path) -> None:
    cuts = video(tmp_path / "cuts.mp4", [RED] * 75 + [BLUE] * 75 + [GREY] * 75)
    source = ["-re", "-stream_loop", "-1", "-i", str(cuts), "-c", "copy"]
    with (
        Stack(tmp_path, ("dubber", "commentary", "tts"), {"TTS_ENGINE": "espeak"}) as stack,
        serving(create(stack.settings), free_port()) as web,
    ):
        stack.publish(source, "show")
        page.goto(f"{web}/commentary/")
        expect(page.get_by_label("Which")).to_have_value("live/show", timeout=PATIENCE)
        page.get_by_role("checkbox", name="Audio description").check()
        page.get_by_role("button", name="Start").click()
        page.get_by_text("Play with audio description").click(timeout=PATIENCE)
        expect(page.locator("#description-about")).to_contain_text("described/show", timeout=PATIENCE)
        until(page, "document.querySelector('#described').currentTime > 1", 30.0)
        # Nobody speaks in it: everything can be said.
        expect(page.locator("#description-about")).to_contain_text(
            re.compile(r"[1-9]\d* said"), timeout=PATIENCE
        )
        assert badly_built(page) == []
        page.set_viewport_size(PHONE)
        assert not scrolls_sideways(page)
        page.get_by_role("checkbox", name="Audio description").uncheck()
        expect(page.locator("#description")).to_be_hidden(timeout=PATIENCE)
