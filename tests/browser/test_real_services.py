"""The console in a browser before the real services (DUB-1, DUB-4, DUB-8)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.demo.sample import sample_video
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing_file
from tests.stack import Stack

PATIENCE = 60_000
# What the page plays beside its video is in no document: this shows it to the test.
AUDIO_IN_SIGHT = """
  const Real = window.Audio;
  window.Audio = function () { return (window.sound = new Real()); };
"""
# The highest sample of what the page's video plays in five seconds.
LOUDEST = """async () => {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(document.querySelector("video").srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let loudest = 0;
  for (let turn = 0; turn < 100; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    analyser.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, ...samples.map(Math.abs));
  }
  return loudest;
}"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Every service, and a speaking stream that is published to it."""
    with Stack(tmp_path_factory.mktemp("stack"), ("web",)) as stack:
        address = f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/news"
        with publishing_file(sample_video(40.0), address):
            yield stack


@pytest.fixture(scope="module")
def locked_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The same, where watching needs a password."""
    password = {"MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "open sesame"}
    with Stack(tmp_path_factory.mktemp("locked"), ("web",), password) as stack:
        address = f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/news"
        with publishing_file(sample_video(40.0), address):
            yield stack


def address(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.settings.web_port}/"


def test_a_published_stream_is_seen_dubbed_with_captions_lag_and_phrases(stack: Stack, page: Page) -> None:
    page.goto(address(stack))
    expect(page.get_by_role("heading", name="news")).to_be_visible(timeout=PATIENCE)
    until(page, PLAYING, 60)
    expect(page.locator("#status")).to_contain_text("Dubbing", timeout=PATIENCE)
    expect(page.locator("#caption-source")).not_to_have_text("", timeout=PATIENCE)
    expect(page.locator("#caption-target")).not_to_have_text("", timeout=PATIENCE)
    expect(page.locator("#log tr").first).to_contain_text("In time", timeout=PATIENCE)
    expect(page.locator("#figures > div").first).to_contain_text("2.80 s")
    expect(page.locator("#figures > div").nth(1)).to_contain_text(" s")
    lights = page.get_by_role("region", name="Health").get_by_role("listitem")
    expect(lights).to_have_text(["Media server: working", "Speech: working", "Dubber: working"])


def test_the_operator_stops_bypasses_and_starts_the_real_dub(stack: Stack, page: Page) -> None:
    page.goto(address(stack))
    expect(page.locator("#status")).to_contain_text("Dubbing", timeout=PATIENCE)
    page.get_by_role("button", name="Original only").click()
    expect(page.locator("#status")).to_contain_text("Original only", timeout=PATIENCE)
    page.get_by_role("button", name="Dub again").click()
    expect(page.locator("#status")).to_contain_text("Dubbing", timeout=PATIENCE)
    page.get_by_role("button", name="Stop the dub…").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop the dub").click()
    expect(page.locator("#status")).to_contain_text("Stopped", timeout=PATIENCE)
    page.get_by_role("button", name="Start the dub").click()
    expect(page.locator("#status")).to_contain_text("Dubbing", timeout=PATIENCE)
    until(page, PLAYING, 60)


def test_recorded_phrases_are_played_and_downloaded(stack: Stack, page: Page) -> None:
    """DUB-13: off at first; then both sounds of a phrase are heard, and all come as one archive."""
    page.add_init_script(AUDIO_IN_SIGHT)
    page.goto(address(stack))
    expect(page.locator("#log tr").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#log .play")).to_have_count(0)
    record = page.get_by_label("Record phrases")
    expect(record).not_to_be_checked()
    record.check()
    dubbed = page.locator("#log tr").filter(has=page.get_by_role("button", name="Play the dub"))
    expect(dubbed.first).to_be_visible(timeout=PATIENCE)
    expect(record).to_be_checked()
    for which in ("original", "dub"):
        button = page.locator("#log").get_by_role("button", name=f"Play the {which}").last
        button.click()
        until(page, f"sound.src.endsWith('/{which}.flac') && sound.duration > 0.2 && sound.currentTime > 0.1")
        assert page.evaluate("sound.error") is None
        expect(button).to_have_attribute("aria-pressed", "false", timeout=PATIENCE)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download recorded phrases").click()
    assert download.value.suggested_filename == "news-es-phrases.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"phrases.jsonl"} < set(archive.namelist())
    record.uncheck()
    expect(record).not_to_be_checked()
    until(page, "fetch('/api/dubber/streams/news').then((a) => a.json()).then((s) => !s.recording)")


def test_the_original_plays_beside_the_dub(stack: Stack, page: Page) -> None:
    page.goto(address(stack))
    until(page, PLAYING, 60)
    page.get_by_role("button", name="Original", exact=True).click()
    until(page, "document.querySelector('video').currentTime < 0.3", 20)
    until(page, PLAYING, 60)
    expect(page.locator("#caption-target")).not_to_have_text("", timeout=PATIENCE)


def test_watching_needs_the_password_where_one_is_set(locked_stack: Stack, browser: Browser) -> None:
    # A browser that nobody sits before cannot show its prompt: this is what makes it ask.
    playlist = f"{address(locked_stack)}hls/live/news/index.m3u8"
    asked = httpx.get(playlist, trust_env=False, timeout=10)
    assert (asked.status_code, asked.headers["www-authenticate"].split()[0]) == (401, "Basic")
    with browser.new_context(http_credentials={"username": "viewer", "password": "open sesame"}) as context:
        page = context.new_page()
        page.goto(address(locked_stack))
        until(page, PLAYING, 60)


def test_the_dub_plays_over_webrtc_with_its_sound(stack: Stack, page: Page) -> None:
    """The media server's own page, which takes the Opus track: browsers take no AAC over WebRTC."""
    page.goto(f"http://127.0.0.1:{stack.settings.media_webrtc_port}/dub/news/es/?muted=true")
    until(page, "document.querySelector('video')?.currentTime > 2", 60)
    until(page, "document.querySelector('video').videoWidth === 640", 10)
    until(page, "document.querySelector('video').srcObject.getAudioTracks().length === 1", 10)
    assert page.evaluate(LOUDEST) > 0.05
