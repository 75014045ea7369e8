"""Every language in one player: hls.js goes from one to another, and the picture goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from app.access.remembered import links_of
from app.demo.sample import sample_video
from app.dubbing.service import joined_api
from app.dubbing.service.events import Hub
from app.dubbing.service.joining import Joining
from app.dubbing.service.replicas import Replicas
from app.dubbing.service.shelf import Shelf
from app.dubbing.service.streams import Streams
from app.dubbing.service.viewers import Viewers
from app.dubbing.signals import scte35
from app.dubbing.signals.kept import Metadata, Splice
from app.settings import load
from app.web.service import create
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing_file, serving
from tests.showing_a_clip import PICTURES_A_SECOND, shown
from tests.stack import LIGHT_VOICE, Stack, free_port, wait_for
from tests.transport import id3, splice_insert

PATIENCE = 60_000
SAID_AT = 6.0
SHOWN = "[...document.querySelector('video').textTracks].some((t) => t.mode === 'showing' && t.cues?.length)"
# Plays an address, changes to another sound, and tells for some seconds what is seen and heard.
CHANGE = """async ([address, name]) => {
  const video = document.createElement("video");
  document.body.append(video);
  const hls = new Hls({ liveSyncDurationCount: 2 });
  const problems = [];
  hls.on(Hls.Events.ERROR, (_, error) => problems.push(`${error.details}${error.fatal ? " (fatal)" : ""}`));
  hls.loadSource(address);
  hls.attachMedia(video);
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  context.createMediaElementSource(video).connect(analyser).connect(context.destination);
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const bins = new Float32Array(analyser.frequencyBinCount);
  const loudest = () => {
    analyser.getFloatFrequencyData(bins);
    const at = bins.reduce((best, level, bin) => (level > bins[best] ? bin : best), 0);
    return (at * context.sampleRate) / analyser.fftSize;
  };
  await video.play();
  const begun = video.currentTime;
  const first = video.buffered.start(0);
  while (video.currentTime < begun + 3) await pause(20);
  const waits = [];
  video.addEventListener("waiting", () => waits.push(video.currentTime));
  const before = loudest();
  const began = performance.now();
  let changed = null;
  hls.on(Hls.Events.AUDIO_TRACK_SWITCHED, () => (changed ??= (performance.now() - began) / 1000));
  hls.audioTrack = hls.audioTracks.findIndex((track) => track.name === name);
  const rows = [];
  while (performance.now() < began + 4000) {
    await pause(20);
    rows.push([(performance.now() - began) / 1000, video.currentTime, loudest()]);
  }
  hls.subtitleTrack = hls.subtitleTracks.findIndex((track) => track.name === name);
  const read = () => [...video.textTracks].flatMap((track) => [...(track.cues ?? [])]);
  while (!read().length && performance.now() < began + 20000) await pause(50);
  const cues = read().map((cue) => [cue.startTime, cue.endTime, cue.text]);
  hls.destroy();
  video.remove();
  return { before, changed, rows, waits, problems, cues, first };
}"""


# Loads an address up to a time, and tells what the player found of signals, from its first picture on.
LISTEN = """async ([address, until]) => {
  const video = document.createElement("video");
  document.body.append(video);
  video.muted = true;
  const hls = new Hls();
  const problems = [];
  const tags = [];
  hls.on(Hls.Events.ERROR, (_, error) => problems.push(error.details));
  hls.on(Hls.Events.FRAG_PARSING_METADATA, (_, { samples }) => {
    for (const { pts, data } of samples) tags.push([pts, new TextDecoder().decode(data)]);
  });
  hls.loadSource(address);
  hls.attachMedia(video);
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  await video.play();
  const first = video.buffered.start(0);
  while (!video.buffered.length || video.buffered.end(0) < first + until) await pause(50);
  const { dateRanges } = hls.levels[hls.currentLevel].details;
  const breaks = Object.values(dateRanges).map((one) => [
    one.startTime - first, one.duration, one.attr["SCTE35-OUT"], one.attr["SCTE35-IN"], one.isValid,
  ]);
  const cues = [...video.textTracks].filter((track) => track.kind === "metadata")
    .flatMap((track) => [...track.cues].map((cue) => [cue.startTime - first, cue.value.key]));
  hls.destroy();
  video.remove();
  return { breaks, tags: tags.map(([at, text]) => [at - first, text]), cues, problems };
}"""
LEAVES, COMES_BACK, TAGGED = 10.0, 18.0, 12.0


def section(out: bool) -> Splice:
    """A splice that leaves the programme, or comes back to it."""
    ticks = round((LEAVES if out else COMES_BACK) * 90_000)
    made = splice_insert(7, ticks, out=out, seconds=COMES_BACK - LEAVES if out else None)
    [cue] = scte35.cues(made)
    return Splice(cue, ticks, made)


SIGNALS = (section(True), Metadata(round(TAGGED * 90_000), id3("a tag")), section(False))


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The console before a finished stream: the original is a tone of 440 Hz, Spanish of 880 Hz."""
    folder = Path(tmp_path_factory.mktemp("every"))
    for name, reordered in (("clip", "2"), ("plain", "0")):
        source = f"testsrc2=size=160x90:rate={PICTURES_A_SECOND}:duration=31"
        made = ["-c:v", "libx264", "-g", "10", "-bf", reordered, "-pix_fmt", "yuv420p"]
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *made, str(folder / f"{name}.mp4")]
        subprocess.run(command, check=True)
    shown(folder / "clip.mp4", folder / "joined", seconds=31, said_at=SAID_AT)
    # hls.js counts dates from where decoding begins: with B-frames it has breaks some pictures early.
    shown(folder / "plain.mp4", folder / "joined", "match", seconds=31, signals=SIGNALS)
    port = free_port()
    settings = load({"DATA_DIR": str(folder), "DUBBER_URL": f"http://127.0.0.1:{port}"})
    app, hub = FastAPI(), Hub()
    streams = Streams(settings, "", lambda *_: None, hub)  # type: ignore[arg-type]
    joining = Joining(settings, "", streams, hub, None)  # type: ignore[arg-type]
    at_hand = joined_api.AtHand(settings, joining, Shelf(joining.root), Replicas((), None))  # type: ignore[arg-type]
    app.include_router(
        joined_api.router(settings, joining, Viewers(settings, "", links_of(settings)), at_hand)
    )
    with serving(app, port), serving(create(settings), free_port()) as web:
        yield web


def told(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Prints how long the change took, by the player and by ear, and for how long the picture stood."""
    moves = [row[0] for before, row in pairwise(found["rows"]) if row[1] != before[1]]
    stood = max((after - before for before, after in pairwise(moves)), default=99.0)
    heard = next((at for at, _, hertz in found["rows"] if abs(hertz - 880) < 30), None)
    with capsys.disabled():
        ear = f", heard after {heard:.2f} s" if heard is not None else ""
        print(
            f"\nswitched after {found['changed']:.2f} s{ear}; the picture stood for {stood:.2f} s at the most"
        )


def test_another_language_is_heard_and_the_picture_goes_on(
    console: str, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    page.goto(console)
    page.add_script_tag(url="/libraries/hls.js?v=1.6.7")
    found = page.evaluate(CHANGE, ["/hls/all/news/index.m3u8", "Spanish"])
    assert found["problems"] == []
    assert abs(found["before"] - 440) < 30
    assert abs(found["rows"][-1][2] - 880) < 30
    assert found["waits"] == []
    told(found, capsys)


def test_a_stream_that_is_over_is_listed_and_watched_again(console: str, page: Page) -> None:
    page.goto(console)
    listed = page.get_by_role("navigation", name="Streams").get_by_role("link", name="news")
    expect(listed).to_contain_text("30 s", timeout=20_000)
    listed.click()
    expect(page.get_by_role("heading", name="news")).to_be_visible()
    expect(page.locator("#again-about")).to_contain_text("Spanish")
    expect(page.locator("#again-heard option")).to_have_text(
        ["Original (English)", "Spanish"], timeout=20_000
    )
    page.locator("#again-heard").select_option("Spanish")
    page.locator("#again-read").select_option("Spanish")
    video = page.get_by_label("Recorded video")
    wait_for("it plays", lambda: video.evaluate("video => video.currentTime") > 1, 20)
    page.goto(f"{console}/#again=news@20000101T000000")
    expect(page.locator("#again-about")).to_have_text("This stream is not kept any more.")


def test_a_subtitle_is_seen_when_its_words_are_heard(
    console: str, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    page.goto(console)
    page.add_script_tag(url="/libraries/hls.js?v=1.6.7")
    found = page.evaluate(CHANGE, ["/hls/all/news/index.m3u8", "Spanish"])
    [(start, end, text)] = found["cues"]
    late = start - found["first"] - SAID_AT
    with capsys.disabled():
        print(f"\na subtitle is seen {1000 * late:+.0f} ms after its words")
    assert text == "Buenos días"
    assert abs(late) < 0.2
    assert end - start == pytest.approx(1.5, abs=0.01)


def test_a_player_finds_breaks_and_tags_at_their_pictures(console: str, page: Page) -> None:
    page.goto(console)
    page.add_script_tag(url="/libraries/hls.js?v=1.6.7")
    found = page.evaluate(LISTEN, ["/hls/all/match/index.m3u8", 20.0])
    assert found["problems"] == []
    left, back = (f"0x{each.section.hex().upper()}" for each in (SIGNALS[0], SIGNALS[2]))
    [(start, seconds, out, into, valid)] = found["breaks"]
    assert (out, into, valid) == (left, back, True)
    picture = 1 / PICTURES_A_SECOND
    assert abs(start - LEAVES) < picture / 2
    assert abs(seconds - (COMES_BACK - LEAVES)) < picture / 2
    [(at, tag)] = found["tags"]
    assert abs(at - TAGGED) < picture / 2
    assert tag.encode() == id3("a tag")
    shown_at = {key: at for at, key in found["cues"]}
    assert abs(shown_at["SCTE35-OUT"] - LEAVES) < picture / 2
    assert abs(shown_at["TXXX"] - TAGGED) < picture / 2


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Every service, and a speaking stream that is published to it."""
    with Stack(
        tmp_path_factory.mktemp("stack"), ("web",), LIGHT_VOICE | {"TARGET_LANGUAGES": "es,fr"}
    ) as stack:
        address = f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/news"
        with publishing_file(sample_video(40.0), address):
            yield stack


def test_the_console_plays_a_live_stream_in_the_language_that_is_chosen(stack: Stack, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(f"http://127.0.0.1:{stack.settings.web_port}/")
    expect(page.locator("#status")).to_contain_text("Dubbing", timeout=PATIENCE)
    page.get_by_role("button", name="All languages").click()
    sound, subtitles = page.locator("#heard"), page.locator("#read")
    expect(sound.locator("option")).to_have_text(
        ["Original (English)", "Spanish", "French"], timeout=PATIENCE
    )
    until(page, PLAYING, 60)
    assert not any(each.startswith("sound-es-") for each in asked)
    sound.select_option("Spanish")
    until(page, PLAYING, 20)
    page.wait_for_event("request", lambda request: "/sound-es-" in request.url, timeout=PATIENCE)
    subtitles.select_option("Spanish")
    until(
        page,
        "[...document.querySelector('video').textTracks].some((t) => t.mode === 'showing' && t.cues?.length)",
        60,
    )
    expect(sound.locator("option:checked")).to_have_text("Spanish")


def test_a_live_streams_language_changes_without_a_pause(
    stack: Stack, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    page.goto(f"http://127.0.0.1:{stack.settings.web_port}/")
    page.add_script_tag(url="/libraries/hls.js?v=1.6.7")
    found = page.evaluate(CHANGE, ["/hls/all/news/index.m3u8", "Spanish"])
    assert [each for each in found["problems"] if "fatal" in each] == []
    assert found["changed"] is not None
    assert found["rows"][-1][1] > found["rows"][0][1] + 2
    told(found, capsys)
