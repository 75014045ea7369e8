"""A stream that is fetched comes as fast as it can: it goes on as fast as it is meant to be shown."""

from __future__ import annotations

import threading
import time

AHEAD = 2.0
"""Seconds by which a stream may be ahead of its clock: players buffer as much."""


class Pace:
    """Holds a stream back that would run away. What comes over UDP and SRT comes in time."""

    def __init__(self, address: str, stopping: threading.Event) -> None:
        self._held = not address.startswith(("udp:", "srt:"))
        self._stopping = stopping
        self._base: float | None = None

    def wait(self, at: float) -> None:
        """Waits until what belongs `at` (seconds on the stream's clock) may go on."""
        if not self._held:
            return
        now = time.monotonic()
        if self._base is None or at - self._base < now - AHEAD:
            # It is slower than the clock: from here on.
            self._base = at - now
        ahead = at - self._base - now - AHEAD
        if ahead > 0:
            self._stopping.wait(ahead)
