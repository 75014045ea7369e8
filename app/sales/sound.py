"""The sound of a channel on its way to the recogniser: bounded, kept until its text is final. Pure.

Positions are samples at 16 kHz since the channel's sound began.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
KEPT = 30.0
"""Seconds of sound that wait or may have to be sent again; more is dropped, the oldest first."""
RESENT = 10.0
"""Seconds of sound without final text that are sent again after a lost connection, at most."""

Samples = NDArray[np.float32]
Format = Literal["int16", "float32"]


class BadSound(ValueError):
    """A frame that is no sound of the announced format."""


def decode(frame: bytes, form: Format) -> Samples:
    """A frame of little-endian mono sound as float32 in [-1, 1]. Raises BadSound for a broken sample."""
    width = 2 if form == "int16" else 4
    if len(frame) % width:
        raise BadSound(f"a frame of {len(frame)} bytes is no whole number of {form} samples")
    if form == "int16":
        return np.frombuffer(frame, "<i2").astype(np.float32) / np.float32(32768)
    samples: Samples = np.nan_to_num(np.frombuffer(frame, "<f4"), nan=0.0, posinf=1.0, neginf=-1.0)
    clean: Samples = np.clip(samples, -1.0, 1.0, dtype=np.float32)
    return clean


class SoundQueue:
    """Sound in the order in which it came: what is to be sent, and before it what may be sent again."""

    def __init__(self, kept: float = KEPT) -> None:
        self._limit = int(kept * RATE)
        self._blocks: deque[tuple[int, Samples]] = deque()
        self._end = 0
        self._cursor = 0
        self.dropped = 0
        """Samples that were dropped before they were ever sent."""

    @property
    def waiting(self) -> int:
        """Samples that are to be sent."""
        return self._end - self._cursor

    @property
    def sent(self) -> int:
        """The position up to which it was sent."""
        return self._cursor

    def put(self, samples: Samples) -> None:
        """Takes sound in; where that is too much, the oldest goes."""
        if samples.size == 0:
            return
        self._blocks.append((self._end, samples))
        self._end += samples.size
        while self._end - self._blocks[0][0] > self._limit and len(self._blocks) > 1:
            self._let_go()

    def take(self) -> tuple[int, Samples] | None:
        """The next block to be sent and its position, None where there is none."""
        for position, samples in self._blocks:
            if position + samples.size > self._cursor:
                skip = max(0, self._cursor - position)
                self._cursor = position + samples.size
                return position + skip, samples[skip:]
        return None

    def settle(self, position: int) -> None:
        """What lies before that position has its final text and need not be kept."""
        while self._blocks and self._blocks[0][0] + self._blocks[0][1].size <= min(position, self._cursor):
            self._blocks.popleft()

    def rewind(self, settled: int) -> None:
        """Goes back to what was sent and has no final text yet, as the connection that had it is gone."""
        first = self._blocks[0][0] if self._blocks else self._end
        again = max(first, settled, self._cursor - int(RESENT * RATE))
        self._cursor = min(self._cursor, again)

    def abandon(self) -> None:
        """Gives up what was not sent, and counts it."""
        self.dropped += self.waiting
        self._cursor = self._end
        self._blocks.clear()

    def _let_go(self) -> None:
        position, samples = self._blocks.popleft()
        after = position + samples.size
        lost = after - max(position, self._cursor)
        if lost > 0:
            self.dropped += lost
            self._cursor = after


class Timeline:
    """Where in the channel a time of one connection lies: sound that was left out moves what follows."""

    def __init__(self) -> None:
        self._anchors: list[tuple[int, int]] = []
        self._sent = 0

    def sent(self, position: int, samples: int) -> None:
        """So many samples from that position were sent next."""
        if not self._anchors or position - self._anchors[-1][1] != self._sent - self._anchors[-1][0]:
            self._anchors.append((self._sent, position))
        self._sent += samples

    def position(self, seconds: float) -> int:
        """The position of a time of the connection."""
        sample = round(seconds * RATE)
        anchor = self._anchors[0] if self._anchors else (0, 0)
        for each in self._anchors:
            if each[0] > sample:
                break
            anchor = each
        return anchor[1] + sample - anchor[0]
