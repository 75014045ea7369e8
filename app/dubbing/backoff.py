"""Waiting times between attempts."""

from __future__ import annotations


class Backoff:
    """Doubles from `first` to `longest` seconds until it is reset."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """The time in seconds to wait now."""
        delay = self._next
        self._next = min(delay * 2, self._longest)
        return delay

    def reset(self) -> None:
        """An attempt succeeded: the next wait is the first one again."""
        self._next = self._first
