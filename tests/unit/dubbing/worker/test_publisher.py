"""How a publication begins: the media server takes for simultaneous what of each track comes first."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np

from app.dubbing.worker.delay_line import DelayLine
from app.dubbing.worker.delayed import Delayed, Shape
from app.dubbing.worker.mixer import SAMPLE_RATE
from app.dubbing.worker.output import BLOCK, PRIMING, Output
from app.dubbing.worker.publisher import Publisher

NOBODY = "rtsp://127.0.0.1:1/dub/news/es"
DECODED, SHOWN = 10.0, 10.08
PLAYHEAD = 10.15
"""The first picture is that late: a machine had much else to do."""


class Recorder:
    """In an output's place: what it was told, in order."""

    def __init__(self, stopping: threading.Event) -> None:
        self.told: list[tuple[str, float]] = []
        self.stopping = stopping

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def encoded(self, position: int, samples: Any) -> list[str]:
        self.told.append(("encoded", position))
        return [f"sound of {len(samples)}"]

    def write_video(self, _packet: object, _decoding: float, presentation: float, _pair: object) -> None:
        self.told.append(("picture", presentation))

    def send(self, packets: list[str]) -> None:
        self.told += [(packet, 0.0) for packet in packets]

    def write_sound(self, position: int, _samples: Any) -> None:
        self.told.append(("sound", position))
        if len(self.told) > 5:
            self.stopping.set()


class Line(Delayed):
    """A stream whose first picture is due, with its clock standing still."""

    def __init__(self, output: Recorder, picture: bool) -> None:
        super().__init__(delay=3.0)
        self.output, self.at = output, PLAYHEAD
        self.shape = Shape("h264")
        self.delay_line = DelayLine(1 << 20)
        if picture:
            packet = cast("av.Packet[av.VideoStream]", av.Packet(b"picture"))
            packet.time_base, packet.is_keyframe = Fraction(1, 1000), True
            packet.dts, packet.pts = 0, 80
            self.delay_line.push(DECODED, packet.size, True, packet)
        self.mixer.write_original(0, np.zeros((SAMPLE_RATE, 2), np.float32))

    def playhead(self) -> float:
        self.at += 0.05
        return self.at

    def prepare_output(self, _url: str) -> tuple[Shape, Output]:
        assert self.shape is not None
        return self.shape, cast(Output, self.output)


def begun(picture: bool) -> list[tuple[str, float]]:
    """What an output is told first."""
    stopping = threading.Event()
    output = Recorder(stopping)
    Publisher(NOBODY, Line(output, picture), stopping, lambda: False)._publish()
    return output.told


def test_the_first_sound_is_the_first_picture_s_and_follows_it_at_once_however_late() -> None:
    told = begun(picture=True)
    start = round(SHOWN * SAMPLE_RATE) + PRIMING
    assert told[:3] == [("encoded", start), ("picture", SHOWN), (f"sound of {4 * BLOCK}", 0.0)]
    assert told[3] == ("sound", start + 4 * BLOCK)


def test_where_no_picture_comes_the_sound_does_not_wait_for_long() -> None:
    told = begun(picture=False)
    assert {kind for kind, _ in told} == {"sound"}
    assert PLAYHEAD + 0.4 < told[0][1] / SAMPLE_RATE < PLAYHEAD + 1.0
