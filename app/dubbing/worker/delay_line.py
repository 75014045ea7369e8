"""Encoded packets that wait for their time. Pure: what a packet is, it doesn't know."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Waiting(Generic[T]):
    time: float
    size: int
    key: bool
    item: T


class DelayLine(Generic[T]):
    """Holds packets in decoding order until the playhead reaches them.

    Starts on a keyframe, and after a loss waits for the next one: what can't be decoded is not sent.
    Bounded by `most_bytes`: when it is full, the oldest group of pictures goes, and is counted.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._waiting: deque[_Waiting[T]] = deque()
        self._needs_key = True
        self._last = float("-inf")
        self.bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def seconds(self) -> float:
        """From the oldest to the newest packet that waits."""
        return self._waiting[-1].time - self._waiting[0].time if self._waiting else 0.0

    @property
    def first(self) -> float | None:
        """The time of the oldest packet, None where none waits."""
        return self._waiting[0].time if self._waiting else None

    @property
    def last(self) -> float:
        """The time of the newest packet that was ever taken, minus infinity before the first."""
        return self._last

    def waiting(self) -> Iterator[T]:
        """The packets that wait, in order."""
        return (waiting.item for waiting in self._waiting)

    def push(self, time: float, size: int, key: bool, item: T) -> bool:
        """Takes a packet; False where it was dropped because nothing could decode it."""
        if self._needs_key and not key:
            self.dropped += 1
            return False
        if time <= self._last:
            self.lose()
            if not key or time <= self._last - 1.0:
                self.dropped += 1
                return False
            time = self._last + 0.001
        self._needs_key = False
        self._last = time
        self._waiting.append(_Waiting(time, size, key, item))
        self.bytes += size
        while self.bytes > self._most_bytes:
            self._drop_oldest_group()
        return True

    def lose(self) -> None:
        """A packet was lost before this one: wait for a keyframe."""
        self._needs_key = True

    def due(self, playhead: float) -> list[tuple[float, T]]:
        """The packets whose time has come, with their times, in order; they leave the line."""
        released = []
        while self._waiting and self._waiting[0].time <= playhead:
            waiting = self._waiting.popleft()
            self.bytes -= waiting.size
            released.append((waiting.time, waiting.item))
        return released

    def _drop_oldest_group(self) -> None:
        while self._waiting:
            oldest = self._waiting.popleft()
            self.bytes -= oldest.size
            self.dropped += 1
            if self._waiting and self._waiting[0].key:
                return
        self._needs_key = True
