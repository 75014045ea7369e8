"""Dubs are sent on over SRT, encrypted, and with the original as a second sound track. (DUB-12)"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from tests.integration.dubbing.test_restream import CARD, SERVICES, in_trouble, remove, sending, told
from tests.stack import Stack, free_port, wait_for
from tests.viewer import Viewer

PHRASE = "a-phrase-for-tests"
LIGHT = {"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}
LOGIN = "publish:live/copy:partner:word-of-the-partner"
NOISE = ["anoisesrc=colour=pink:amplitude=0.3:sample_rate=48000" if "sine" in each else each for each in CARD]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("ours"), SERVICES, {"MAX_RECONNECT_DELAY": "1.0", **LIGHT}) as stack:
        publisher = stack.publish(NOISE, "match", "rtmp")
        wait_for("the dub", lambda: stack.ready_paths().get("dub/match/es"), 60.0)
        # Whatever is heard in noise: the dub is to be the original.
        assert stack.http.post("/streams/match/es/bypass", json={"on": True}).status_code == 200
        yield stack
        publisher.stop()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    extra = {
        "MEDIA_PUBLISH_USER": "partner",
        "MEDIA_PUBLISH_PASSWORD": "word-of-the-partner",
        "MEDIA_SRT_PASSPHRASE": PHRASE,
        "TARGET_LANGUAGES": "es",
        **LIGHT,
    }
    with Stack(tmp_path_factory.mktemp("theirs"), SERVICES, extra) as stack:
        yield stack


def put(stack: Stack, name: str, port: int, **more: object) -> httpx.Response:
    target = {"address": f"srt://127.0.0.1:{port}?latency=200", **more}
    return stack.http.put(f"/restreams/match/es/{name}", json=target)


def test_a_dub_arrives_encrypted_and_its_keys_are_seen_nowhere(ours: Stack, theirs: Stack) -> None:
    port = theirs.settings.media_srt_port
    answer = put(ours, "partner", port, key=LOGIN, passphrase=PHRASE)
    assert answer.status_code == 201
    try:
        wait_for("the dub at the other server", lambda: theirs.ready_paths().get("live/copy"), 20.0)
        wait_for("it is told", lambda: told(ours, "partner")["bit_rate"] > 0 or None, 15.0)
        [stream] = theirs.http.get("/streams").json()["streams"]
        assert set(stream["source"]["tracks"]) == {"H264", "MPEG-4 Audio"}
        lines = [" ".join(process.cmdline()) for process in ours.family("dubber")]
        seen = "\n".join([answer.text, ours.http.get("/restreams").text, ours.logs(), *lines])
        assert "word-of-the-partner" not in seen
        assert PHRASE not in seen
        assert told(ours, "partner")["address"] == f"srt://127.0.0.1:{port}"
    finally:
        remove(ours, "partner")
    wait_for("it has ended", lambda: "live/copy" not in theirs.ready_paths() or None, 15.0)


@pytest.mark.thorough
def test_a_target_that_is_lost_is_found_again_and_nobody_else_notices(ours: Stack, theirs: Stack) -> None:
    put(ours, "partner", theirs.settings.media_srt_port, key=LOGIN, passphrase=PHRASE)
    try:
        wait_for("it arrives", lambda: sending(ours, "partner") or None, 20.0)
        viewer = Viewer(f"rtmp://127.0.0.1:{ours.settings.media_rtmp_port}/dub/match/es")
        with viewer.watching():
            wait_for("a picture", lambda: viewer.pictures or None, 15.0)
            theirs.kill("media")
            wait_for("the loss is told", lambda: told(ours, "partner")["problem"] or None, 20.0)
            theirs.start("media")
            theirs.wait_healthy(("media",))
            wait_for("it arrives again", lambda: sending(ours, "partner") or None, 30.0)
        assert viewer.longest_pause() < 1.0
        assert ours.dub("match")["reconnects"] == 0  # type: ignore[index]
    finally:
        remove(ours, "partner")


def test_wrong_keys_and_a_server_that_is_not_there_are_told(ours: Stack, theirs: Stack) -> None:
    port = theirs.settings.media_srt_port
    wanted = {
        "phrase": (
            put(ours, "phrase", port, key=LOGIN, passphrase="another-phrase"),
            "look at the stream id and the passphrase",
        ),
        "login": (put(ours, "login", port, key=f"{LOGIN}x", passphrase=PHRASE), "refuses"),
        "nobody": (put(ours, "nobody", free_port(socket.SOCK_DGRAM), key=LOGIN), "timed out"),
    }
    try:
        for name, (answer, why) in wanted.items():
            assert answer.status_code == 201
            assert why in wait_for(f"{name} is told", partial(in_trouble, ours, name), 30.0)
            assert not sending(ours, name)
    finally:
        for name in wanted:
            remove(ours, name)


def test_the_original_goes_beside_the_dub_as_a_second_track_at_the_same_time(
    ours: Stack, tmp_path: Path
) -> None:
    port, out = free_port(socket.SOCK_DGRAM), tmp_path / "both.ts"
    listener = f"srt://127.0.0.1:{port}?mode=listener&passphrase={PHRASE}"
    command = ["ffmpeg", "-loglevel", "error", "-nostdin", "-probesize", "5M", "-i", listener]
    receiver = subprocess.Popen([*command, "-map", "0", "-c", "copy", "-t", "15", str(out)])
    put(ours, "both", port, passphrase=PHRASE, original=True)
    try:
        assert receiver.wait(90.0) == 0
        assert told(ours, "both")["original"]
    finally:
        receiver.kill()
        remove(ours, "both")
    kinds, languages = zip(*tracks(out), strict=True)
    assert kinds == ("video", "audio", "audio")
    assert languages[1:] == ("spa", "eng")
    # The dub is the original, and so both are the same.
    assert abs(apart(out)) < 0.03


def tracks(file: Path) -> list[tuple[str, str]]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(file)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["streams"]
    return [(each["codec_type"], each.get("tags", {}).get("language", "")) for each in found]


def apart(file: Path) -> float:
    """How many seconds the second sound comes after the first, from their fifth second on."""
    first, second = (heard(file, number) for number in (0, 1))
    size = 1 << 19
    both = np.fft.irfft(np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size)))
    lag = int(np.argmax(both))
    return (lag - size if lag > size // 2 else lag) / 48000


def heard(file: Path, number: int) -> Any:
    """Five seconds of a sound track, mono, where they belong."""
    sound = np.zeros(5 * 48000, np.float32)
    with av.open(str(file)) as source:
        stream = source.streams.audio[number]
        begin: float | None = None
        for frame in source.decode(stream):
            begin = begin or first_time(file) + 5.0
            at = round((float(frame.pts * frame.time_base) - begin) * 48000)  # type: ignore[operator]
            mono = frame.to_ndarray().mean(axis=0)
            if 0 <= at <= len(sound) - len(mono):
                sound[at : at + len(mono)] = mono
    assert np.abs(sound).max() > 0.01
    return sound


def first_time(file: Path) -> float:
    """When the file's first picture is shown."""
    with av.open(str(file)) as source:
        packet = next(source.demux(source.streams.video[0]))
        return float(packet.pts * packet.time_base)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"address": "rtmp://example.org/live", "original": True}, "RTMP has one sound track"),
        ({"address": "rtmp://example.org/live", "passphrase": "secret-phrase"}, "RTMP has no passphrase"),
        ({"address": "srt://example.org:9000?mode=listener"}, "without mode=listener"),
        ({"address": "srt://example.org:9000", "passphrase": "secret"}, "10 to 79 bytes"),
        ({"address": "srt://example.org"}, "a port"),
        ({"address": "srt://169.254.169.254:9000"}, "link-local"),
    ],
)
def test_what_can_not_be_is_refused(ours: Stack, target: dict[str, object], why: str) -> None:
    answer = ours.http.put("/restreams/match/es/odd", json=target)
    assert answer.status_code == 422
    assert why in answer.text
    assert "secret" not in answer.text
