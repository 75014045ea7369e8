"""The picture and its captions: a real media server and a real player (DUB-8)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Media, Stage
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing
from tests.browser.stand_in import caption, dub, stream


@pytest.fixture(scope="module")
def live(media: Media) -> Iterator[None]:
    """An original and its dub are published."""
    with publishing(f"{media.rtmp}/live/match"), publishing(f"{media.rtmp}/dub/match/es", tone=880):
        yield


@pytest.mark.usefixtures("live")
def test_the_dub_plays_at_once_without_sound_until_the_viewer_wants_it(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    until(page, PLAYING)
    assert page.evaluate("document.querySelector('video').muted")
    page.get_by_role("button", name="Turn sound on").click()
    until(page, "!document.querySelector('video').muted")
    expect(page.get_by_role("button", name="Turn sound on")).to_be_hidden()
    expect(page.locator("#video")).to_be_focused()
    expect(page.locator("#details > div").first).to_have_text(re.compile(r"Player.*\d\.\d s"))


@pytest.mark.usefixtures("live")
def test_the_original_can_be_watched_instead(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(stage.web)
    until(page, PLAYING)
    original = page.get_by_role("button", name="Original", exact=True)
    original.click()
    expect(original).to_have_attribute("aria-pressed", "true")
    until(page, PLAYING)
    assert f"{stage.web}/hls/live/match/index.m3u8" in asked
    page.get_by_role("button", name="Spanish dub").click()
    until(page, PLAYING)
    expect(original).to_have_attribute("aria-pressed", "false")


@pytest.mark.usefixtures("live")
def test_both_captions_show_when_their_sound_is_heard_and_go(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    until(page, PLAYING)
    # What leaves the server two seconds from now is seen later still: nothing may show before.
    shown_at = time.time() + 2.0
    stage.dubber.tell("caption", caption(1, shown_at, "Good evening", "Buenas tardes"))
    expect(page.locator("#caption-target")).to_have_text("Buenas tardes", timeout=20_000)
    assert time.time() >= shown_at
    expect(page.locator("#caption-source")).to_have_text("Good evening")
    expect(page.locator("#caption-target")).to_have_text("", timeout=20_000)
    cues = page.evaluate("[...document.querySelector('video').textTracks[0].cues].map((cue) => cue.text)")
    assert cues == ["Buenas tardes"]


def test_the_picture_comes_when_the_stream_comes_and_comes_back_after_a_restart(
    stage: Stage, page: Page
) -> None:
    stage.dubber.streams = [stream(dub(), name="late")]
    page.goto(stage.web)
    expect(page.get_by_text("The picture stopped. Trying again…")).to_be_visible()
    for _ in range(2):
        with publishing(f"{stage.media.rtmp}/dub/late/es"):
            until(page, f"{PLAYING} && document.querySelector('#curtain').hidden", 40)
        expect(page.get_by_text("The picture stopped. Trying again…")).to_be_visible(timeout=40_000)


def test_a_missing_player_library_is_told_with_its_remedy(stage: Stage, page: Page) -> None:
    def missing(route: Route) -> None:
        route.fulfill(status=404, json={"detail": "hls.js is missing: run `make setup`"})

    # Chromium may play HLS by itself; browsers that need the library say no.
    page.add_init_script("HTMLMediaElement.prototype.canPlayType = () => ''")
    page.route("**/libraries/hls.js*", missing)
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    expect(page.locator("#curtain")).to_contain_text("run `make setup`")


def test_a_media_server_that_wants_a_password_is_told(stage: Stage, page: Page) -> None:
    page.route("**/hls/**", lambda route: route.fulfill(status=401))
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    expect(page.get_by_text("Watching needs the user name and password")).to_be_visible()
    expect(page.locator("#curtain-retry")).to_be_visible()


@pytest.mark.usefixtures("live")
def test_a_page_that_is_neither_seen_nor_heard_gives_its_connections_back(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    until(page, PLAYING)
    hide = (
        "Object.defineProperty(document, 'hidden', {{ value: {0}, configurable: true }});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.evaluate(hide.format("true"))
    until(page, "document.querySelector('video').readyState === 0")
    page.evaluate(hide.format("false"))
    until(page, PLAYING)
