"""A transport stream with splices and timed ID3 is dubbed; its signals are in step with its pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from app.demo.sample import sample_video
from tests.hls import Playlist, attributes, read
from tests.stack import Stack, free_port, wait_for
from tests.transport import (
    RATE,
    id3,
    metadata,
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
    "SOURCE_LANGUAGE": "auto",
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
    with Stack(tmp_path_factory.mktemp("signals"), ("media", "dubber"), SETTINGS) as stack:
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


def told(stack: Stack, name: str) -> dict[str, Any]:
    return next(each for each in stack.http.get("/sources").json()["sources"] if each["stream"] == name)


def shown_at(stack: Stack, name: str, picture: bytes) -> float:
    """When a picture of the source is shown, by the playlist's dates (Unix time)."""
    _, found = playlist(stack, name)
    assert found is not None
    for piece in found.pieces:
        data = b"".join(get(stack, f"{name}/{each}").content for each in (piece.beginning, piece.uri))
        with av.open(io.BytesIO(data)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        begins = min(packet.pts for packet in packets)
        for packet in packets:
            if bytes(packet)[-64:] == picture[-64:]:
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
    assert told(stack, news)["language"] == "en"
    master, _ = playlist(stack, news, "index.m3u8")
    assert 'NAME="Original (English)",LANGUAGE="en"' in master
    [stream] = [each for each in stack.http.get("/streams").json()["streams"] if each["name"] == news]
    assert stream["spoken"] == {"set": "auto", "heard": "en"}
