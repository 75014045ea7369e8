"""A transport stream with splices and timed ID3 is dubbed; its signals are in step with its pictures."""

from __future__ import annotations

import io
import re
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from app.demo.sample import sample_video
from tests.hls import Playlist, attributes, read
from tests.stack import Stack, free_port, wait_for
from tests.transport import (
    PACKET,
    RATE,
    id3,
    metadata,
    offered_over_tcp,
    sent_over_udp,
    splice,
    splice_insert,
    transport_stream,
    with_signals,
)

SETTINGS = {
    "TARGET_LANGUAGES": "es",
    "REPLAY_MINUTES": "5",
    "MAX_RECONNECT_DELAY": "1.0",
    "ASR_ENGINE": "pocketsphinx",
    "TTS_ENGINE": "espeak",
}
FRAME = 1 / 25
OUT, BACK = 14.0, 20.0
EVENT = 0x4A
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Made:
    """A stream with signals; `picture_at` tells which picture is shown at a moment of its clock."""

    data: bytes
    first: int
    pictures: dict[int, bytes]

    def ticks(self, seconds: float) -> int:
        """The moment of the picture that is shown so long after the first."""
        return self.first + round(seconds / FRAME) * round(FRAME * RATE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Half a minute of the sample with B-frames, in Spanish as its track says, a break from 14 to 20 s."""
    file = transport_stream(
        Path(tmp_path_factory.mktemp("made")) / "sample.ts",
        *("-i", str(sample_video(60.0)), "-t", "40", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"),
        *(
            "-g",
            "25",
            "-vf",
            "scale=320:180",
            "-c:a",
            "mp2",
            "-b:a",
            "192k",
            "-metadata:s:a:0",
            "language=eng",
        ),
    )
    pictures = {}
    with av.open(str(file)) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None:
                pictures[packet.pts] = bytes(packet)
    plain = Made(b"", min(pictures), pictures)
    out, back = plain.ticks(OUT), plain.ticks(BACK)
    signals = [
        *(
            splice(plain.ticks(early), splice_insert(EVENT, out, out=True, seconds=BACK - OUT))
            for early in (9.0, 11.0)
        ),
        splice(plain.ticks(17.0), splice_insert(EVENT, back, out=False)),
        metadata(plain.ticks(16.0), id3("now playing: news")),
    ]
    return Made(with_signals(file.read_bytes(), signals), plain.first, pictures)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("signals"), ("media", "sts", "dubber"), SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="module")
def news(stack: Stack, made: Made) -> Iterator[str]:
    """The stream is sent over UDP, and joined up to its end."""
    port = free_port()
    address = f"udp://127.0.0.1:{port}"
    assert stack.http.put("/sources/news", json={"address": address}).status_code == 201
    with sent_over_udp(made.data, port):
        wait_for("it is published", lambda: stack.ready_paths().get("live/news"), 30.0)
        wait_for("both ends of the break are told", lambda: len(ranges(stack, "news")) == 2, 60.0)
        yield "news"
    stack.http.delete("/sources/news", headers=JSON)


def get(stack: Stack, path: str) -> httpx.Response:
    return httpx.get(f"{stack.settings.dubber_address}/all/{path}", timeout=40.0, trust_env=False)


def playlist(stack: Stack, name: str, file: str = "replay-picture.m3u8") -> tuple[str, Playlist | None]:
    answer = get(stack, f"{name}/{file}")
    return answer.text, read(answer.text) if answer.status_code == 200 else None


def ranges(stack: Stack, name: str) -> list[dict[str, str]]:
    text, _ = playlist(stack, name)
    return [attributes(each) for each in re.findall(r"^#EXT-X-DATERANGE:(.*)$", text, re.MULTILINE)]


def tail_of(picture: bytes) -> bytes:
    """What a picture is known by here: how its parts are told apart before that changes on the way."""
    return picture[-24:]


def told(stack: Stack, name: str) -> dict[str, Any]:
    return next(each for each in stack.http.get("/sources").json()["sources"] if each["stream"] == name)


def shown_at(stack: Stack, name: str, picture: bytes) -> float:
    """When a picture of the source is shown, by the playlist's dates (Unix time)."""
    _, found = playlist(stack, name)
    assert found is not None
    for piece in found.pieces:
        data = b"".join(get(stack, f"{name}/{each}").content for each in (piece.beginning, piece.uri))
        with av.open(io.BytesIO(data), "r") as container:
            packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        begins = min(packet.pts for packet in packets if packet.pts is not None)
        for packet in packets:
            if tail_of(bytes(packet)) == tail_of(picture):
                assert packet.pts is not None
                later = float((packet.pts - begins) * packet.time_base)
                return datetime.fromisoformat(piece.date).timestamp() + later
    raise AssertionError("the picture is in no piece")


def test_a_splice_is_told_to_players_at_its_own_picture(
    stack: Stack, news: str, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    out, back = ranges(stack, news)
    begins = datetime.fromisoformat(out["START-DATE"]).timestamp()
    ends = begins + float(back["DURATION"])
    first = shown_at(stack, news, made.pictures[made.ticks(OUT)])
    after = shown_at(stack, news, made.pictures[made.ticks(BACK)])
    with capsys.disabled():
        print(
            f"\nout {1000 * (begins - first):+.1f} ms, in {1000 * (ends - after):+.1f} ms of their pictures"
        )
    assert abs(begins - first) < FRAME / 2
    assert abs(ends - after) < FRAME / 2
    assert out["ID"] == back["ID"]
    assert out["START-DATE"] == back["START-DATE"]
    assert float(out["PLANNED-DURATION"]) == BACK - OUT
    section = splice_insert(EVENT, made.ticks(OUT), out=True, seconds=BACK - OUT)
    assert out["SCTE35-OUT"] == f"0x{section.hex().upper()}"


def test_the_track_tells_the_language(stack: Stack, news: str) -> None:
    assert stack.http.post(f"/streams/{news}/spoken", json={"language": "auto"}).status_code == 200
    assert told(stack, news)["language"] == "en"
    master, _ = playlist(stack, news, "index.m3u8")
    assert 'NAME="Original (English)",LANGUAGE="en"' in master
    [stream] = [each for each in stack.http.get("/streams").json()["streams"] if each["name"] == news]
    assert stream["spoken"] == {"set": "auto", "heard": "en"}


def levels(stack: Stack, name: str, file: str) -> dict[int, float]:
    """How loud a sound is in dB, by quarters of a second (of Unix time)."""
    _, found = playlist(stack, name, file)
    assert found is not None
    data = b"".join(get(stack, f"{name}/{each.uri}").content for each in found.pieces)
    parts, began = [], None
    with av.open(
        io.BytesIO(get(stack, f"{name}/{found.pieces[0].beginning}").content + data), "r"
    ) as container:
        for frame in container.decode(audio=0):
            began = float(frame.time or 0.0) if began is None else began
            parts.append(frame.to_ndarray().mean(axis=0))
    sound = np.concatenate(parts)
    first = round(4 * datetime.fromisoformat(found.pieces[0].date).timestamp())
    windows = sound[: len(sound) // 12_000 * 12_000].reshape(-1, 12_000)
    loud = 10 * np.log10(np.mean(windows**2, axis=1) + 1e-9)
    return {first + at: float(each) for at, each in enumerate(loud)}


def test_in_a_break_the_original_is_heard_and_nothing_is_dubbed(
    stack: Stack, news: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, back = ranges(stack, news)
    begins = datetime.fromisoformat(out["START-DATE"]).timestamp()
    ends = begins + float(back["DURATION"])
    dub = stack.dub(news)
    assert dub is not None

    def phrases() -> list[tuple[float, float, str]]:
        found = stack.http.get(f"/streams/{news}/es/phrases").json()["phrases"]
        delay = dub["delay"]
        return [(each["shown_at"] - delay, each["hidden_at"] - delay, each["outcome"]) for each in found]

    wait_for("something is dubbed after the break", lambda: any(each[0] > ends for each in phrases()), 30.0)
    spoken = [each for each in phrases() if each[2] in ("in_time", "late")]
    assert spoken
    assert not [each for each in phrases() if each[0] > begins - 0.1 and each[1] < ends - 0.1]
    wait_for(
        "that is joined",
        lambda: max(levels(stack, news, "replay-sound-es.m3u8"), default=0) > 4 * (ends + 4.0),
        30.0,
        1.0,
    )
    original, heard = (levels(stack, news, f"replay-sound{each}.m3u8") for each in ("", "-es"))
    both = sorted(original.keys() & heard.keys())

    def off(windows: list[int]) -> float:
        """By how much the dub is off the original, as a rule: a sound may begin in the next window."""
        return float(np.median([abs(heard[at] - original[at]) for at in windows if original[at] > -50]))

    def power(sound: dict[int, float], windows: list[int]) -> float:
        """How loud it is in all of them, in dB: by how little it is earlier or later does not matter."""
        return float(10 * np.log10(np.mean([10 ** (sound[at] / 10) for at in windows])))

    within = [at for at in both if 4 * begins + 1 < at < 4 * ends - 2]
    dubbed = [at for at in both if any(4 * each[0] + 1 < at < 4 * each[1] - 1 for each in spoken)]
    with capsys.disabled():
        print(f"\n{len(spoken)} dubbed; the break is {off(within):.2f} dB off, phrases {off(dubbed):.2f} dB")
    assert abs(power(original, within) - power(heard, within)) < 0.5
    assert off(dubbed) > 0.5


def test_a_tag_is_in_the_pieces_at_its_own_time(stack: Stack, news: str, made: Made) -> None:
    _, found = playlist(stack, news)
    assert found is not None
    pieces = [get(stack, f"{news}/{each.uri}").content for each in found.pieces]
    [(piece, data)] = [
        (piece, data)
        for piece, data in zip(found.pieces, pieces, strict=True)
        if b"https://aomedia.org/emsg/ID3" in data
    ]
    at = data.index(b"emsg") + 8
    scale, time = struct.unpack(">IQ", data[at : at + 12])
    assert id3("now playing: news") in data
    with av.open(io.BytesIO(get(stack, f"{news}/{piece.beginning}").content + data), "r") as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    [shown] = [
        float((packet.pts or 0) * packet.time_base)
        for packet in packets
        if tail_of(bytes(packet)) == tail_of(made.pictures[made.ticks(16.0)])
    ]
    assert abs(time / scale - shown) < FRAME / 2


def test_a_transport_stream_is_fetched_over_tcp_and_again_when_it_breaks_off(
    stack: Stack, made: Made
) -> None:
    with offered_over_tcp(made.data[: len(made.data) // 4 // PACKET * PACKET]) as port:
        stack.http.put("/sources/sport", json={"address": f"tcp://127.0.0.1:{port}"})
        try:
            first = wait_for("it is published", lambda: stack.ready_paths().get("live/sport"), 30.0)
            wait_for(
                "it is published again",
                lambda: stack.ready_paths().get("live/sport", first) != first,
                60.0,
            )
            assert told(stack, "sport")["reconnects"] >= 1
        finally:
            assert stack.http.delete("/sources/sport", headers=JSON).status_code == 200
    wait_for("it is gone", lambda: "live/sport" not in stack.ready_paths(), 10.0)


def test_a_stream_comes_over_srt_with_a_passphrase_that_is_seen_nowhere(stack: Stack, made: Made) -> None:
    """FFmpeg sends it to where the dubber waits."""
    port, secret = free_port(socket.SOCK_DGRAM), "of-more-than-ten"
    address = f"srt://127.0.0.1:{port}?mode=listener&passphrase={secret}"
    answer = stack.http.put("/sources/match", json={"address": address})
    assert answer.json()["address"] == f"srt://127.0.0.1:{port}"
    file = stack.folder / "match.ts"
    file.write_bytes(made.data)
    wait_for("it waits", lambda: stack.is_healthy("dubber"), 5.0)
    command = [
        "ffmpeg",
        "-hide_banner",
        "-nostdin",
        "-loglevel",
        "error",
        "-re",
        "-i",
        str(file),
        "-map",
        "0:v",
    ]
    command += ["-map", "0:a", "-c", "copy", "-f", "mpegts"]
    sender = subprocess.Popen([*command, f"srt://127.0.0.1:{port}?mode=caller&passphrase={secret}"])
    try:
        wait_for("it is published", lambda: stack.ready_paths().get("live/match"), 30.0)
        assert told(stack, "match")["tracks"] == ["h264", "mp2"]
        lines = [" ".join(process.cmdline()) for process in stack.family("dubber")]
        assert secret not in "\n".join([stack.logs(), stack.http.get("/sources").text, *lines])
    finally:
        sender.kill()
        sender.wait()
        assert stack.http.delete("/sources/match", headers=JSON).status_code == 200
