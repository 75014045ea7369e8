"""Streams with a break, and what is told of them: for the tests of signals."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np

from app.demo.sample import sample_video
from tests.hls import Playlist, attributes, read
from tests.stack import Stack
from tests.transport import RATE, Signal, splice, transport_stream, with_signals

FRAME = 1 / 25
OUT, BACK = 14.0, 20.0
LASTS = 55


@dataclass(frozen=True)
class Made:
    """A stream with signals; `pictures` tells which picture is shown at a moment of its clock."""

    data: bytes
    first: int
    pictures: dict[int, bytes]

    def ticks(self, seconds: float) -> int:
        """The moment of the picture that is shown so long after the first."""
        return self.first + round(seconds / FRAME) * round(FRAME * RATE)

    def at(self, seconds: float) -> bytes:
        """The picture that is shown then."""
        return self.pictures[self.ticks(seconds)]


def plain(file: Path, *coded: str) -> Made:
    """The sample as a transport stream without signals, coded so; its sound is English, as its track says."""
    transport_stream(
        file,
        *("-i", str(sample_video(60.0)), "-t", str(LASTS), *coded),
        *("-g", "25", "-vf", "scale=320:180", "-metadata:s:a:0", "language=eng"),
    )
    pictures = {}
    with av.open(str(file)) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None:
                pictures[packet.pts] = bytes(packet)
    return Made(file.read_bytes(), min(pictures), pictures)


def with_break(made: Made, out: bytes, back: bytes, more: Iterable[Signal] = ()) -> Made:
    """The stream with a break that is told 5 s before it begins, again, and 3 s before it ends."""
    signals = [splice(made.ticks(early), out) for early in (9.0, 11.0)]
    signals += [splice(made.ticks(17.0), back), *more]
    return Made(with_signals(made.data, signals), made.first, made.pictures)


def get(stack: Stack, path: str) -> httpx.Response:
    """A file of a stream in all its languages."""
    return httpx.get(f"{stack.settings.dubber_address}/all/{path}", timeout=40.0, trust_env=False)


def playlist(stack: Stack, name: str, file: str = "replay-picture.m3u8") -> tuple[str, Playlist | None]:
    """As it is written, and as it is understood."""
    answer = get(stack, f"{name}/{file}")
    return answer.text, read(answer.text) if answer.status_code == 200 else None


def ranges(stack: Stack, name: str) -> list[dict[str, str]]:
    """What players are told of splices."""
    text, _ = playlist(stack, name)
    return [attributes(each) for each in re.findall(r"^#EXT-X-DATERANGE:(.*)$", text, re.MULTILINE)]


def break_of(stack: Stack, name: str) -> tuple[float, float]:
    """When the break begins and ends (Unix time)."""
    out, back = ranges(stack, name)[:2]
    begins = datetime.fromisoformat(out["START-DATE"]).timestamp()
    return begins, begins + float(back["DURATION"])


def tail_of(picture: bytes) -> bytes:
    """What a picture is known by here: how its parts are told apart before that changes on the way."""
    return picture[-24:]


def told(stack: Stack, name: str) -> dict[str, Any]:
    """How a stream is taken in."""
    return next(each for each in stack.http.get("/sources").json()["sources"] if each["stream"] == name)


def shown_at(stack: Stack, name: str, picture: bytes, about: float) -> float:
    """When a picture of the source is shown, by the playlist's dates (Unix time); `about` then."""
    _, found = playlist(stack, name)
    assert found is not None
    near = sorted(found.pieces, key=lambda each: abs(datetime.fromisoformat(each.date).timestamp() - about))
    for piece in near:
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


def phrases(stack: Stack, name: str) -> list[tuple[float, float, str]]:
    """When each phrase was said (Unix time), and what became of it."""
    dub = stack.dub(name)
    assert dub is not None
    found = stack.http.get(f"/streams/{name}/es/phrases").json()["phrases"]
    delay = dub["delay"]
    return [(each["shown_at"] - delay, each["hidden_at"] - delay, each["outcome"]) for each in found]


def levels(stack: Stack, name: str, file: str) -> dict[int, float]:
    """How loud a sound is in dB, by quarters of a second (of Unix time)."""
    _, found = playlist(stack, name, file)
    assert found is not None
    data = b"".join(get(stack, f"{name}/{each.uri}").content for each in found.pieces)
    parts, began = [], None
    data = get(stack, f"{name}/{found.pieces[0].beginning}").content + data
    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode(audio=0):
            began = float(frame.time or 0.0) if began is None else began
            parts.append(frame.to_ndarray().mean(axis=0))
    sound = np.concatenate(parts)
    first = round(4 * datetime.fromisoformat(found.pieces[0].date).timestamp())
    windows = sound[: len(sound) // 12_000 * 12_000].reshape(-1, 12_000)
    loud = 10 * np.log10(np.mean(windows**2, axis=1) + 1e-9)
    return {first + at: float(each) for at, each in enumerate(loud)}
