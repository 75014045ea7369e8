"""The original's sound as frames of AAC like those of the dubs, whatever the publisher sends."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from app.dubbing.join.boxes import beginning
from app.dubbing.join.sounds import FRAME, RATE
from app.dubbing.worker.output import BIT_RATE

Samples = npt.NDArray[np.float32]


class Encoder:
    """Takes sound of shape (n, 2) at positions (samples at 48 kHz); a step in it is kept as one."""

    def __init__(self) -> None:
        self._context: Any = new_context()
        self._waiting = av.AudioFifo()
        self._start = 0
        self._next: int | None = None

    def encode(self, position: int, samples: Samples) -> Iterator[tuple[int, bytes]]:
        """The frames that are whole now, each with its position."""
        if position != self._next:
            self._waiting, self._start = av.AudioFifo(), position
        frame = frame_of(samples)
        frame.pts = position - self._start
        self._waiting.write(frame)
        self._next = position + len(samples)
        for part in self._waiting.read_many(FRAME):
            part.pts = (part.pts or 0) + self._start
            for packet in self._context.encode(part):
                yield packet.pts, bytes(packet)


def new_context() -> Any:
    """An encoder as the dubs' is."""
    context: Any = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = RATE, "stereo", "fltp"
    context.bit_rate, context.time_base = BIT_RATE, Fraction(1, RATE)
    context.open()
    return context


def frame_of(samples: Samples) -> av.AudioFrame:
    """The samples as a frame without a time."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
    frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
    return frame


@cache
def silence() -> bytes:
    """A frame of silence."""
    frames = list(Encoder().encode(0, np.zeros((4 * FRAME, 2), np.float32)))
    return frames[-1][1]


def sound_beginning() -> bytes:
    """The beginning of a track with such sound."""

    def add(container: Any) -> None:
        stream = container.add_stream("aac", rate=RATE)
        stream.layout, stream.format, stream.bit_rate = "stereo", "fltp", BIT_RATE

    return beginning(add)
