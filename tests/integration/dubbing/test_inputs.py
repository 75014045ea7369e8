"""Streams as they come in the field are dubbed, with the real media server and the real engines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.demo.read import watch_address
from tests.integration.dubbing.clips import (
    codecs_of,
    levels,
    make_clip,
    packet_times,
    picture_hashes,
    play,
    record,
    sound_of,
)
from tests.stack import FfmpegPublisher, Stack, wait_for

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p")
B_FRAMES = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p")
H265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=25")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")

# Seconds after which RTP's 90 kHz clock of 32 bits can't tell forward from back.
HALF_OF_RTP = 2**31 / 90_000

# name, container, codecs, protocol, expected video codec
FIELD = [
    ("h264-aac", "mp4", (*H264, *AAC), "rtmp", "h264"),
    ("b-frames-mp3", "mp4", (*B_FRAMES, "-c:a", "libmp3lame", "-ar", "44100"), "rtmp", "h264"),
    ("h265-opus", "mkv", (*H265, "-c:a", "libopus"), "rtsp", "hevc"),
    ("surround", "mp4", (*H264, *AAC, "-ac", "6"), "rtsp", "h264"),
    ("low-rate-mono", "mp4", (*H264, *AAC, "-ac", "1", "-ar", "22050"), "rtmp", "h264"),
    ("telephone", "mkv", ("-vn", "-c:a", "pcm_mulaw", "-ac", "1", "-ar", "8000"), "rtsp", None),
    ("transport-stream", "mp4", (*H264, *AAC), "srt", "h264"),
    ("variable-rate", "mp4", (*H264, *AAC, "-fps_mode", "vfr"), "rtmp", "h264"),
]
AT_NIGHT = ("h264-aac", "surround", "low-rate-mono", "variable-rate")


def dubbed(stack: Stack, name: str, phrases: int) -> dict[str, Any] | None:
    """The dub once that many of its phrases have been heard."""
    dub = stack.dub(name)
    if dub is None or dub["counts"]["in_time"] + dub["counts"]["late"] < phrases:
        return None
    return dub


@contextmanager
def published(
    stack: Stack, arguments: list[str], name: str, protocol: str = "rtsp"
) -> Iterator[FfmpegPublisher]:
    publisher = stack.publish(arguments, name, protocol)
    try:
        yield publisher
    finally:
        publisher.stop()
        stack.http.delete(f"/streams/{name}/es", headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("name", "container", "codecs", "protocol", "video"),
    [pytest.param(*f, id=f[0], marks=pytest.mark.thorough if f[0] in AT_NIGHT else ()) for f in FIELD],
)
def test_a_stream_in_the_codecs_of_the_field_is_dubbed_and_its_picture_copied(
    stack: Stack,
    tmp_path: Path,
    name: str,
    container: str,
    codecs: tuple[str, ...],
    protocol: str,
    video: str | None,
) -> None:
    """DUB-1, DUB-2: whatever the codecs, the picture is the same to the last bit."""
    clip = make_clip(tmp_path / f"clip.{container}", *codecs)
    with published(stack, play(clip), name, protocol):
        wait_for("a dubbed phrase", lambda: dubbed(stack, name, 2), within=60)
        out = record(f"{stack.rtsp}/dub/{name}/es", tmp_path / "out.mkv", 5)
    assert codecs_of(out) == [*([video] if video else []), "aac", "opus"]
    times = list(packet_times(out, "audio"))
    assert max(np.diff(times)) < 0.03
    assert max(levels(sound_of(out))) > -35
    if video:
        sent, got = set(picture_hashes(clip)), picture_hashes(out)
        assert len(got) > 60
        assert sum(picture in sent for picture in got) > 0.9 * len(got)


def test_a_picture_in_vp9_is_copied_and_stands_in_the_one_player(stack: Stack, tmp_path: Path) -> None:
    """Over RTSP, as over WHIP from a browser, nothing but the picture itself tells which ones are keys."""
    clip = make_clip(tmp_path / "clip.mkv", *VP9, "-c:a", "libopus")
    with published(stack, play(clip), "vp9"):
        wait_for("a dubbed phrase", lambda: dubbed(stack, "vp9", 2), within=60)
        out = record(f"{stack.rtsp}/dub/vp9/es", tmp_path / "out.mkv", 5, "-copyinkf:v")
        answer = stack.http.get("/all/vp9/index.m3u8", timeout=60.0)
    assert codecs_of(out) == ["vp9", "aac", "opus"]
    sent, got = set(picture_hashes(clip)), picture_hashes(out)
    assert len(got) > 60
    assert sum(picture in sent for picture in got) > 0.9 * len(got)
    assert answer.status_code == 200, answer.text
    assert re.search(r'CODECS="vp09\.\d\d\.\d\d\.08,mp4a', answer.text), answer.text


def test_a_picture_without_sound_is_published_with_silence(stack: Stack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", *H264, "-an")
    with published(stack, play(clip), "silent-film"):
        wait_for("output", lambda: (stack.dub("silent-film") or {}).get("status") == "dubbing", within=20)
        out = record(f"{stack.rtsp}/dub/silent-film/es", tmp_path / "out.mkv", 3)
    assert codecs_of(out) == ["h264", "aac", "opus"]
    assert max(levels(sound_of(out))) < -80
    assert len(picture_hashes(out)) > 30


def test_a_picture_goes_on_without_sound_of_an_absurd_rate_which_is_told(
    stack: Stack, tmp_path: Path
) -> None:
    """DUB-4, DUB-5: at 1 Hz a packet of 1.4 kB would be ten minutes of sound."""
    clip = make_clip(tmp_path / "clip.mp4", *H264, "-an")
    slow = ["-re", "-f", "lavfi", "-i", "aevalsrc=0.1:s=1:n=1"]
    codecs = ["-map", "0:v", "-c:v", "copy", "-map", "1:a", "-c:a", "pcm_s16be"]
    looped = ["-re", "-stream_loop", "-1", "-i", str(clip)]
    with published(stack, [*looped, *slow, *codecs], "slow-sound"):
        wait_for("the picture goes on", lambda: (stack.dub("slow-sound") or {}).get("position", 0) > 3, 20)
        dub = stack.dub("slow-sound")
    assert dub is not None
    assert "1 Hz is not within" in dub["note"]
    assert (dub["status"], dub["restarts"], dub["reconnects"]) == ("original", 0, 0)


def test_music_and_silence_pass_untouched_and_are_no_phrases(stack: Stack, tmp_path: Path) -> None:
    """DUB-3: music stays, and nothing is said over it."""
    chord = "+".join(f"0.08*sin(2*PI*{note}*t)" for note in (220, 277.18, 329.63))
    source = f"aevalsrc='({chord})*lt(mod(t\\,8)\\,5)':s=48000:c=stereo"
    arguments = ["-re", "-f", "lavfi", "-i", source, "-c:a", "aac", "-b:a", "192k"]
    with published(stack, arguments, "music"):
        wait_for("output", lambda: (stack.dub("music") or {}).get("position", 0) > 1, within=20)
        out = record(f"{stack.rtsp}/dub/music/es", tmp_path / "out.mkv", 9)
        dub = stack.dub("music")
    assert dub is not None
    assert dub["counts"]["in_time"] + dub["counts"]["late"] == 0
    heard = levels(sound_of(out))
    playing = heard[heard > -40]
    assert 4.0 < len(playing) * 0.05 < 8.0
    assert np.percentile(playing, 90) - np.percentile(playing, 10) < 1.0


@pytest.mark.parametrize(
    "jump",
    [
        pytest.param(3600.0, id="an-hour", marks=pytest.mark.thorough),
        pytest.param(30_000.0, id="past-the-wrap-of-rtp"),
    ],
)
def test_a_jump_of_the_timestamps_does_not_stop_the_dubbing(
    stack: Stack, tmp_path: Path, jump: float
) -> None:
    """30,000 s are more than half of what RTP's 90 kHz clock can count: the picture goes back."""
    name = f"jump-{jump:.0f}"
    clip = make_clip(tmp_path / "clip.mp4", *H264, *AAC, seconds=40.0)
    with jumping(clip, f"{stack.rtsp}/live/{name}", 6.0, jump):
        wait_for("the jump has been played", lambda: (stack.dub(name) or {}).get("position", 0) > 10, 30)
        before = stack.dub(name)
        assert before is not None
        heard = before["counts"]["in_time"] + before["counts"]["late"]
        out = record(watch_address(stack.settings, f"dub/{name}/es"), tmp_path / "out.mkv", 8)
        wait_for("phrases after the jump", lambda: dubbed(stack, name, heard + 2), within=15)
        after = stack.dub(name)
    assert after is not None
    # The media server drops its RTMP readers when a picture's time goes back; the worker returns.
    assert after["reconnects"] == (0 if jump < HALF_OF_RTP else 1)
    assert after["restarts"] == 0
    # A reader's first packet may carry a time from before the jump.
    times = list(packet_times(out, "audio"))[1:]
    assert len(times) > 100
    assert max(np.diff(times)) < 0.03
    assert len(picture_hashes(out)) > 30


@contextmanager
def jumping(clip: Path, url: str, at: float, jump: float) -> Iterator[None]:
    module = "tests.integration.dubbing.jumping_publisher"
    publisher = subprocess.Popen([sys.executable, "-m", module, str(clip), url, str(at), str(jump)])
    try:
        yield
    finally:
        publisher.kill()
        publisher.wait()
