"""Every language of a stream in one player: all/<name>, live, to go back in, and when it has ended."""

from __future__ import annotations

import io
import json
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import av
import av.error
import httpx
import numpy as np
import psutil
import pytest

from app.demo import beep
from app.demo.picture import is_flash
from app.demo.read import watch_address
from app.demo.sample import sample_video
from tests.hls import Piece, Playlist, faults, read
from tests.integration.dubbing.clips import play
from tests.stack import LIGHT_VOICE, FfmpegPublisher, Stack, wait_for

LOGIN = ("viewer", "word-of-the-viewer")
SETTINGS = {
    **LIGHT_VOICE,
    "TARGET_LANGUAGES": "es,fr",
    "REPLAY_MINUTES": "5",
    "MEDIA_READ_USER": LOGIN[0],
    "MEDIA_READ_PASSWORD": LOGIN[1],
    "MAX_RECONNECT_DELAY": "1.0",
    "ASR_ENGINE": "pocketsphinx",
}
SMALL_TONE = [
    *("-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"),
    *("-c:a", "aac", "-ac", "1"),
]
RATE = 48_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("joined"), ("media", "dubber"), SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="module")
def over(stack: Stack) -> str:
    """A stream of sound alone that has ended already, as its dubber sees a minute later."""
    publisher = stack.publish(SMALL_TONE, "over", "rtmp")
    wait_for("it is joined", lambda: len(pieces(stack, "over", "replay-sound.m3u8")) >= 3, 40.0)
    publisher.stop()
    return "over"


@pytest.fixture(scope="module")
def news(stack: Stack, over: str) -> FfmpegPublisher:
    """The sample is published, and its dubs are joined with it."""
    del over
    publisher = stack.publish(play(sample_video(60.0)), "news", "rtmp")
    wait_for("both dubs are joined", lambda: {"es", "fr"} <= languages(stack, "news"), 60.0)
    return publisher


def get(stack: Stack, path: str, **more: Any) -> httpx.Response:
    address = f"{stack.settings.dubber_address}/all/{path}"
    return httpx.get(address, **{"auth": LOGIN, "timeout": 40.0, "trust_env": False, **more})


def playlist(stack: Stack, name: str, file: str) -> Playlist | None:
    answer = get(stack, f"{name}/{file}")
    return read(answer.text) if answer.status_code == 200 else None


def link(stack: Stack, path: str) -> str:
    """The query of a link that opens it."""
    *_, address = stack.command("links", "add", path).split()
    return address.partition("?")[2]


def pieces(stack: Stack, name: str, file: str) -> list[str]:
    found = playlist(stack, name, file)
    return [each.uri for each in found.pieces] if found else []


def languages(stack: Stack, name: str) -> set[str]:
    found = playlist(stack, name, "index.m3u8")
    return {each.get("LANGUAGE", "") for each in found.renditions} if found else set()


def everything(stack: Stack, name: str, file: str, last: int) -> bytes:
    """The last pieces that a media playlist names, after their beginning."""
    found = playlist(stack, name, file)
    assert found is not None
    return contents(stack, name, found.pieces[-last:])


def contents(stack: Stack, name: str, pieces: Sequence[Piece]) -> bytes:
    """Those pieces, after their beginning."""
    names = [pieces[-1].beginning, *(each.uri for each in pieces)]
    return b"".join(get(stack, f"{name}/{each}").content for each in names)


def flashes(data: bytes) -> list[float]:
    """When the picture begins to flash, in seconds."""
    found, before = [], True
    with av.open(io.BytesIO(data), "r") as file:
        for frame in file.decode(video=0):
            now = is_flash(frame.reformat(format="gray8").to_ndarray().astype(np.uint8))
            if now and not before:
                found.append(float(frame.time or 0.0))
            before = now
    return found


def beeps(data: bytes) -> list[float]:
    """When beeps are heard, in seconds."""
    parts, began = [], None
    with av.open(io.BytesIO(data), "r") as file:
        for frame in file.decode(audio=0):
            began = float(frame.time or 0.0) if began is None else began
            parts.append(frame.to_ndarray().mean(axis=0))
    return [(began or 0.0) + each.at for each in beep.find(np.concatenate(parts), RATE)]


def skews(flashed: list[float], beeped: list[float]) -> list[float]:
    """By how much each beep is later than its flash, in seconds."""
    near = [min(beeped, key=lambda at: abs(at - flash)) - flash for flash in flashed]
    return [skew for skew in near if abs(skew) < 0.5]


@pytest.mark.usefixtures("news")
def test_players_find_the_picture_once_and_every_language(stack: Stack) -> None:
    """FFmpeg reads it as one stream with the sounds and subtitles of each language."""
    address = f"{stack.settings.dubber_address}/all/news/index.m3u8?{link(stack, 'all/news')}"
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-print_format", "json", "-show_streams", address],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    streams = json.loads(done.stdout)["streams"]
    kinds = [each["codec_type"] for each in streams]
    assert (kinds.count("video"), kinds.count("audio")) == (1, 3)
    told = {each["tags"].get("comment", "") for each in streams if each["codec_type"] == "audio"}
    assert told == {"Original (English)", "Spanish", "French"}


@pytest.mark.usefixtures("news")
@pytest.mark.parametrize("master", ["index.m3u8", "replay.m3u8"])
def test_the_published_rules_are_kept(stack: Stack, master: str) -> None:
    def in_step() -> tuple[Playlist, dict[str, Playlist]] | None:
        """All playlists, where no segment came between them."""
        first = playlist(stack, "news", master)
        assert first is not None
        # All at once: one after the other, on a machine that is slow, a segment would always come between.
        with ThreadPoolExecutor() as asking:
            found = list(asking.map(lambda uri: playlist(stack, "news", uri), first.addresses))
        medias = {uri: media for uri, media in zip(first.addresses, found, strict=True) if media is not None}
        ends = {each.pieces[-1].date for each in medias.values()}
        return (first, medias) if len(ends) == 1 and len(medias) == 7 else None

    assert faults(*wait_for("all in step", in_step, 60.0)) == []


@pytest.mark.usefixtures("news")
def test_each_sound_is_in_step_with_the_picture(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    wait_for("pieces enough", lambda: len(pieces(stack, "news", "replay-picture.m3u8")) >= 10, 40.0)
    files = ("picture", "sound", "sound-es", "sound-fr")
    found = {file: playlist(stack, "news", f"replay-{file}.m3u8") for file in files}
    # The same pieces of each, however long it takes to ask for them all.
    until = min(each.pieces[-1].date for each in found.values() if each is not None)
    data = {}
    for file, media in found.items():
        assert media is not None
        data[file] = contents(stack, "news", [each for each in media.pieces if each.date <= until][-12:])
    flashed = flashes(data["picture"])
    for file in files[1:]:
        skewed = skews(flashed, beeps(data[file]))
        with capsys.disabled():
            told = ", ".join(f"{1000 * each:+.0f}" for each in skewed)
            print(f"\n{file}: a beep after its flash by {told} ms", end="")
        assert len(skewed) >= 2
        assert max(map(abs, skewed)) < 0.08


@pytest.mark.usefixtures("news")
def test_subtitles_are_there_in_both_languages(stack: Stack) -> None:
    def cued() -> str | None:
        uris = [uri for uri in pieces(stack, "news", "replay-text-es.m3u8") if uri != "nothing.vtt"]
        return uris[-1] if uris else None

    uri = wait_for("a subtitle", cued, 40.0)
    text = get(stack, f"news/{uri}").text
    assert text.startswith("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:")
    assert " --> " in text
    original = get(stack, f"news/{uri.replace('text-es', 'text')}").text
    times = [[line for line in each.splitlines() if " --> " in line] for each in (text, original)]
    assert times[0] == times[1]


@pytest.mark.usefixtures("news")
def test_a_language_that_is_added_is_there_and_one_that_is_stopped_goes_on_as_the_original(
    stack: Stack,
) -> None:
    json_type = {"content-type": "application/json"}
    assert stack.http.put("/streams/news/pt", json={}).status_code == 201
    wait_for("Portuguese is there", lambda: "pt" in languages(stack, "news"), 30.0)
    assert stack.http.delete("/streams/news/pt", headers=json_type).status_code == 200
    wait_for(
        "the original is heard in it",
        lambda: not pieces(stack, "news", "sound-pt.m3u8")[-1].startswith("sound-pt"),
        30.0,
    )
    assert "pt" in languages(stack, "news")
    whole = pieces(stack, "news", "replay-sound-pt.m3u8")
    assert any(each.startswith("sound-pt") for each in whole)
    assert len(whole) == len(pieces(stack, "news", "replay-picture.m3u8"))


@pytest.mark.usefixtures("news")
def test_it_goes_on_when_its_process_is_killed(stack: Stack) -> None:
    def newest() -> int:
        return int(pieces(stack, "news", "picture.m3u8")[-1].removesuffix(".m4s").rpartition("-")[2])

    before = newest()
    own = [one for one in stack.family("dubber") if "news" in "".join(held(one))]
    assert len(own) == 1
    own[0].kill()
    wait_for("new pieces", lambda: newest() > before + 1, 30.0)
    replay = playlist(stack, "news", "replay-picture.m3u8")
    assert replay is not None
    assert any(each.broken for each in replay.pieces)
    assert [each.date for each in replay.pieces] == sorted(each.date for each in replay.pieces)


def held(process: psutil.Process) -> list[str]:
    """The files of joined streams that a process holds open."""
    try:
        return [each.path for each in process.open_files() if each.path.endswith("index.jsonl")]
    except psutil.Error:
        return []


@pytest.mark.usefixtures("news")
def test_only_who_may_read_the_stream_is_let_in(stack: Stack) -> None:
    piece = pieces(stack, "news", "picture.m3u8")[-1]
    for file in ("index.m3u8", "picture.m3u8", piece, "nothing.vtt"):
        assert get(stack, f"news/{file}", auth=None).status_code == 401
        assert get(stack, f"news/{file}").status_code == 200
    assert get(stack, f"news/{piece}", auth=("viewer", "guessed")).status_code == 401
    answer = get(stack, "news/index.m3u8", auth=None)
    assert answer.headers["www-authenticate"].startswith("Basic")
    query = link(stack, "all/news")
    opened = get(stack, f"news/index.m3u8?{query}", auth=None)
    uris = [line for line in opened.text.splitlines() if not line.startswith("#")]
    assert uris == [f"picture.m3u8?{query}"]
    assert opened.text.count(query) == len(read(opened.text).addresses)
    assert get(stack, f"news/{uris[0]}", auth=None).status_code == 200
    assert get(stack, f"over/index.m3u8?{query}", auth=None).status_code == 401
    assert get(stack, f"news/index.m3u8?{link(stack, 'dub/news/es')}", auth=None).status_code == 401


@pytest.mark.usefixtures("news")
def test_pieces_may_be_kept_for_ever_and_playlists_for_a_moment(stack: Stack) -> None:
    piece = pieces(stack, "news", "sound-es.m3u8")[-1]
    caching = {file: get(stack, f"news/{file}").headers["cache-control"] for file in ("index.m3u8", piece)}
    assert caching == {
        "index.m3u8": "private, max-age=1",
        piece: "private, max-age=31536000, immutable",
    }
    for path in (
        "news/picture-1.m4s",
        "news/%2e%2e%2fx.m4s",
        "news/lock",
        "news/index.jsonl",
        "nobody/index.m3u8",
    ):
        missing = get(stack, path)
        assert missing.status_code == 404
        assert missing.headers["cache-control"] == "no-store"


def test_a_publisher_that_comes_back_is_joined_again(stack: Stack, news: FfmpegPublisher) -> None:
    def breaks() -> int:
        """How many there have been, those that have left the playlist included."""
        found = playlist(stack, "news", "picture.m3u8")
        assert found is not None, "the picture is there no more"
        return found.number("DISCONTINUITY-SEQUENCE") + sum(each.broken for each in found.pieces)

    def asked() -> int:
        """How often the media server was asked for a stream that nobody publishes."""
        log = (stack.folder / "media.log").read_text(encoding="utf-8")
        return log.count("no stream is available on path 'live/news'")

    before, asked_before = breaks(), asked()
    news.stop()
    time.sleep(4.0)
    # Both dubs and what joins them, once each if they hear late that it is gone: a publisher that comes back
    # at the moment of such a question is refused.
    assert asked() - asked_before <= 3
    again = stack.publish(play(sample_video(60.0)), "news", "rtmp")

    def joined_again() -> bool:
        assert again.process.poll() is None, again.log.read_text()
        return breaks() > before

    wait_for("it goes on after a break", joined_again, 40.0)


@pytest.mark.usefixtures("news")
def test_nobody_of_ours_asks_for_a_dub_that_is_not_there(stack: Stack) -> None:
    """The media server makes a path for such a question, and refuses who publishes as it closes it."""
    json_type = {"content-type": "application/json"}
    nowhere = {"address": "rtmp://127.0.0.1:1/live", "key": "key"}

    def waits() -> bool:
        [restream] = stack.http.get("/restreams").json()["restreams"]
        return bool(restream["problem"] == "nobody publishes the dub")

    for _ in range(3):
        assert stack.http.delete("/streams/news/es", headers=json_type).status_code == 200
        wait_for("the dub is gone", lambda: "dub/news/es" not in stack.ready_paths() or None, 20.0)
        assert stack.http.put("/restreams/news/es/nowhere", json=nowhere).status_code == 201
        wait_for("it is looked for", waits, 20.0)
        assert stack.http.put("/streams/news/es", json={}).status_code == 201
        wait_for("the dub is back", lambda: stack.ready_paths().get("dub/news/es"), 20.0)
        wait_for("it is read", lambda: not waits(), 20.0)
        assert stack.http.delete("/restreams/news/es/nowhere", headers=json_type).status_code == 200
        wait_for(
            "it is joined again",
            lambda: pieces(stack, "news", "sound-es.m3u8")[-1].startswith("sound-es") or None,
            30.0,
        )
    with pytest.raises(av.error.FFmpegError):
        av.open(watch_address(stack.settings, "dub/nobody/es", "rtmp"), "r")

    def asked_for_in_vain() -> list[str]:
        log = (stack.folder / "media.log").read_text(encoding="utf-8")
        return re.findall("no stream is available on path '(dub/[^']*)'", log)

    # Since the stack began: through joins, a process that was killed, and a publisher that came back. The
    # media server says so after it has closed the connection.
    assert wait_for("it is told", lambda: asked_for_in_vain() or None, 10.0) == ["dub/nobody/es"]


def test_a_stream_that_has_ended_is_there_as_a_whole(stack: Stack, over: str) -> None:
    def ended() -> dict[str, Any] | None:
        found = stack.http.get("/joined").json()["showings"]
        return next((each for each in found if each["stream"] == over and each["ended"]), None)

    showing = wait_for("it has ended", ended, 90.0)
    assert showing["seconds"] > 5
    address = showing["address"].removeprefix("all/").rpartition("/")[0]
    for name in (address, over):
        master = playlist(stack, name, "index.m3u8")
        assert master is not None
        assert [uri for uri, _ in master.variants] == ["replay-sound.m3u8"]
        whole = playlist(stack, name, "replay-sound.m3u8")
        assert whole is not None
        assert whole.tags["PLAYLIST-TYPE"] == "VOD"
        assert sum(each.seconds for each in whole.pieces) == pytest.approx(showing["seconds"], abs=0.1)
    with av.open(io.BytesIO(everything(stack, address, "replay-sound.m3u8", 100)), "r") as file:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert len(sound) / RATE == pytest.approx(showing["seconds"], abs=0.1)
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) * RATE / len(sound) == pytest.approx(440.0, abs=2.0)
