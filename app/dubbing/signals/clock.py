"""Where a moment of a transport stream's clock lies on another timeline, found by its pictures. Pure.

Pictures are copied all the way: their ends tell which is which, whatever has become of their times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RATE = 90_000
"""Ticks of a transport stream's clock a second."""
ROUND = 1 << 33
"""After so many ticks it begins anew."""
TAIL = 64
"""Bytes by which a picture is known: its end, which no protocol changes."""
KEPT = 30.0
"""Seconds for which pictures are remembered, and are waited for."""
AGREES = 0.005
CERTAIN = 3
"""So many pictures in a row that agree move the clock, where it was known otherwise."""
REMEMBERED = 32
"""Marks that were found: the nearest one places a moment, for times may have stepped since."""
STEP = 1.0
"""Seconds: a longer way by which the clock moves is another stream, whose moments are others."""


@dataclass(frozen=True)
class ClockMark:
    """A picture as it came: when it is shown on the stream's clock, its end, and when it came (monotonic)."""

    ticks: int
    tail: bytes = field(repr=False)
    arrival: float


@dataclass(frozen=True)
class _Seen:
    shown: float
    arrival: float


class StreamClock:
    """Takes in marks from who read the stream, and the pictures that came here: when each is shown here."""

    def __init__(self) -> None:
        self._seen: dict[bytes, list[_Seen]] = {}
        self._order: deque[tuple[float, bytes]] = deque()
        self._marks: deque[ClockMark] = deque()
        self._found: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)
        self._candidate: float | None = None
        self._agreeing: list[tuple[int, float]] = []

    @property
    def used(self) -> bool:
        """Whether anybody has marked it: else pictures need not be told."""
        return bool(self._found or self._marks)

    def mark(self, mark: ClockMark) -> None:
        """Where a picture was on the stream's clock."""
        self._marks.append(mark)
        self._match()

    def picture(self, tail: bytes, shown: float, arrival: float) -> None:
        """A picture came here that is shown then; `tail` as `tail_of` gives it."""
        self._seen.setdefault(tail, []).append(_Seen(shown, arrival))
        self._order.append((arrival, tail))
        while self._order[0][0] < arrival - KEPT:
            _, oldest = self._order.popleft()
            del self._seen[oldest][0]
            if not self._seen[oldest]:
                del self._seen[oldest]
        if any(mark.tail == tail for mark in self._marks):
            self._match()

    def place(self, ticks: int) -> float | None:
        """When that moment of the stream's clock is here, in seconds; None where it is not known yet."""
        if not self._found:
            return None
        return placed(min(self._found, key=lambda each: abs(between(each[0], ticks))), ticks)

    def _match(self) -> None:
        newest = max(self._order[-1][0] if self._order else 0.0, self._marks[-1].arrival)
        waiting: deque[ClockMark] = deque()
        for mark in self._marks:
            # It comes here after it was sent; a still picture comes again and again.
            found = [each for each in self._seen.get(mark.tail, ()) if each.arrival >= mark.arrival - 1.0]
            if found:
                self._take(mark, min(found, key=lambda each: abs(each.arrival - mark.arrival)).shown)
            elif mark.arrival > newest - KEPT:
                waiting.append(mark)
        self._marks = waiting

    def _take(self, mark: ClockMark, shown: float) -> None:
        if not self._found:
            self._found.append((mark.ticks, shown))
            return
        off = shown - placed(self._found[-1], mark.ticks)
        if abs(off) <= AGREES:
            self._found.append((mark.ticks, shown))
            self._agreeing = []
            return
        # Another clock, or a still picture that was taken for another one.
        if self._candidate is None or abs(off - self._candidate) > AGREES:
            self._agreeing = []
        self._agreeing.append((mark.ticks, shown))
        self._candidate = off
        if len(self._agreeing) >= CERTAIN:
            if abs(off) > STEP:
                self._found.clear()
            self._found.extend(self._agreeing)
            self._agreeing = []


def placed(mark: tuple[int, float], ticks: int) -> float:
    """When a moment of the stream's clock is, by a mark's own moment and when that is."""
    return mark[1] + between(mark[0], ticks)


def between(earlier: int, later: int) -> float:
    """Seconds from one moment of the stream's clock to another, half its round at most."""
    return ((later - earlier + ROUND // 2) % ROUND - ROUND // 2) / RATE


def tail_of(data: bytes) -> bytes:
    """A picture's end. Zeros after its last part belong to how parts are told apart, not to it."""
    return data[-2 * TAIL :].rstrip(b"\0")[-TAIL:]
