"""Where a dub's sound belongs, found by its pictures: they are the source's own, copied. Pure; seconds.

Where there is no picture, or it is no copy, the clock has to do: a dub comes a known delay after its source.
"""

from __future__ import annotations

from collections import deque

TAIL = 64
"""Bytes by which a picture is known: its end, which no protocol changes."""
KEPT = 30.0
NEAR = 1.5
"""How wrong the clock may be, at most."""
STEADY = 0.004
AGREES = 0.005
CLOCK_STEADY = 0.06
CLOCK_AFTER = 1.5
"""After so long without a picture that is known, the clock has to do."""
LEAST_OF = 400
"""Packets whose least latency counts."""


class Pictures:
    """When the source's pictures are shown, by their ends; those of the last 30 s."""

    def __init__(self) -> None:
        self._times: dict[bytes, list[float]] = {}
        self._order: deque[tuple[float, bytes]] = deque()

    def add(self, data: bytes, shown: float) -> None:
        """A picture of the source."""
        end = data[-TAIL:]
        self._times.setdefault(end, []).append(shown)
        self._order.append((shown, end))
        while self._order[0][0] < shown - KEPT:
            _, oldest = self._order.popleft()
            times = self._times[oldest]
            del times[0]
            if not times:
                del self._times[oldest]

    def find(self, data: bytes, about: float) -> float | None:
        """When that picture is shown, which must be `about` then: still pictures have equal ends."""
        times = self._times.get(data[-TAIL:], ())
        nearest = min(times, key=lambda time: abs(time - about), default=None)
        return nearest if nearest is not None and abs(nearest - about) <= NEAR else None


class Place:
    """From a dub's own times to those of the showing: `offset` is added to them, None until it is known."""

    def __init__(self) -> None:
        self.offset: float | None = None
        self.matched = False
        self._arrivals: deque[float] = deque(maxlen=LEAST_OF)
        self._began: float | None = None
        self._known_at = 0.0
        self._candidate: float | None = None

    def latency(self, time: float, arrival: float) -> float:
        """The least that arrivals are ahead of the dub's own times, with this packet."""
        self._arrivals.append(arrival - time)
        if self._began is None:
            self._began = self._known_at = arrival
        return min(self._arrivals)

    def seen(self, time: float, shown: float, arrival: float) -> None:
        """The picture at the dub's own `time` is the one `shown` then."""
        offset = shown - time
        if self._candidate is not None and abs(offset - self._candidate) <= AGREES:
            self._known_at = arrival
            # Times are rounded to milliseconds: what is that near is the same.
            if not self.matched or self.offset is None or abs(offset - self.offset) > STEADY:
                self.offset = offset
            self.matched = True
        self._candidate = offset

    def by_clock(self, offset: float, arrival: float) -> None:
        """By the clock the offset would be this."""
        if arrival - self._known_at < CLOCK_AFTER:
            return
        self.matched = False
        if self.offset is None or abs(offset - self.offset) > CLOCK_STEADY:
            self.offset = offset
