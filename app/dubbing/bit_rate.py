"""How fast a stream passes."""

from __future__ import annotations

from collections import deque

OVER = 5.0
"""Seconds that the rate is taken over."""


class BitRate:
    """Takes in the sizes of what passes; one thread tells, another may ask."""

    def __init__(self) -> None:
        self._passed: deque[tuple[float, int]] = deque()

    def passed(self, size: int, now: float) -> None:
        """So many bytes have passed, `now` in seconds."""
        self._passed.append((now, size))
        while now - self._passed[0][0] > OVER:
            self._passed.popleft()

    def at(self, now: float) -> float:
        """The rate of the last seconds in bit/s."""
        return 8 * sum(size for at, size in list(self._passed) if now - at <= OVER) / OVER
