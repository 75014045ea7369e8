"""Waiting times between attempts."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `first` to `longest` seconds until it is reset.

    `jitter` is the part of a wait that chance may take off, so that many do not come back at once.
    """

    def __init__(self, first: float, longest: float, jitter: float = 0.0) -> None:
        self._first = first
        self._longest = longest
        self._jitter = jitter
        self._next = first

    def next(self) -> float:
        """The time in seconds to wait now."""
        delay = self._next
        self._next = min(delay * 2, self._longest)
        return delay * (1.0 - self._jitter * random.random())

    def reset(self) -> None:
        """An attempt succeeded: the next wait is the first one again."""
        self._next = self._first
