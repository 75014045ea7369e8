"""A session's events for whoever listens: one bounded log that each listener reads at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

KEPT = 1000


class Log:
    """What is said is kept, with numbers; of the session's state only the newest is told."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self._last = 0
        self._state = ""
        self._closed = False
        self._news = asyncio.Event()
        self.listeners = 0

    def tell(self, data: str) -> None:
        """Something to be kept."""
        self._last += 1
        self._entries.append((self._last, data))
        self._wake()

    def state(self, data: str) -> None:
        """How the session is now; told where it differs."""
        if data != self._state:
            self._state = data
            self._wake()

    def close(self) -> None:
        """Lets every listener finish once it has all events."""
        self._closed = True
        self._wake()

    async def follow(self, number: int) -> AsyncIterator[tuple[int | None, str]]:
        """The state, what was kept after that number, then all that happens, until the log is closed."""
        state, number = "", number if number <= self._last else 0
        self.listeners += 1
        try:
            while True:
                news = self._news
                if state != self._state:
                    state = self._state
                    yield None, state
                for each, data in [entry for entry in self._entries if entry[0] > number]:
                    number = each
                    yield each, data
                if news.is_set():
                    continue
                if self._closed:
                    return
                await news.wait()
        finally:
            self.listeners -= 1

    def _wake(self) -> None:
        # A fresh event each time: no listener can miss one between looking and waiting.
        news, self._news = self._news, asyncio.Event()
        news.set()
