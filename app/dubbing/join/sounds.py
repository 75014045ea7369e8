"""The sounds of a segment: frames of AAC, one after the other without a hole, in each language alike. Pure.

Positions are samples at 48 kHz on the showing's timeline. All languages have their frames at the positions of
the original's, moved by less than half a frame: a player goes from one to another at any segment.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RATE = 48_000
FRAME = 1024
NEAR = round(0.75 * FRAME)
"""A frame this far from its place is put there: times that were rounded jitter."""
STEADY = round(0.004 * RATE)
"""By how much a language's frames may jitter before they count as moved."""
MOST_WAITING = 60 * RATE // FRAME


@dataclass(frozen=True, order=True)
class Frame:
    """A frame of AAC and the position of its first sample."""

    position: int
    data: bytes


@dataclass(frozen=True)
class Piece:
    """The sound of one segment: the frames follow each other from `start` on; `own` says that any came."""

    start: int
    frames: Sequence[bytes]
    own: bool


class Sound:
    """What has come of one sound and waits for its segment; the oldest goes where too much does."""

    def __init__(self) -> None:
        self._waiting: list[Frame] = []
        self._moved = 0
        self._heard = False
        self.until = 0

    def put(self, position: int, data: bytes) -> None:
        """A frame has come."""
        insort(self._waiting, Frame(position, data))
        self.until = max(self.until, position + FRAME)
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[0]

    def take(self, start: int, count: int, filler: Callable[[int], bytes]) -> Piece:
        """The `count` frames from position `start` on; where none has come, `filler` gives the n-th."""
        self._settle(start, count)
        frames: list[bytes] = []
        own = False
        for number in range(count):
            place = start + self._moved + number * FRAME
            while self._waiting and self._waiting[0].position < place - NEAR:
                del self._waiting[0]
            if self._waiting and self._waiting[0].position <= place + NEAR:
                frames.append(self._waiting.pop(0).data)
                own = True
            else:
                frames.append(filler(number))
        return Piece(start + self._moved, frames, own)

    def _settle(self, start: int, count: int) -> None:
        """Keeps this sound's own frames between those of the original, as far from them as they lie."""
        first = next((each for each in self._waiting if each.position >= start - FRAME // 2), None)
        if first is None or first.position >= start + count * FRAME:
            return
        moved = (first.position - start + FRAME // 2) % FRAME - FRAME // 2
        if not self._heard or abs(moved - self._moved) > STEADY:
            self._moved = moved
        self._heard = True
