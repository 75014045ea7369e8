"""Carries sound from a thread that reads it to a coroutine that sends it: bounded, paced, stoppable."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

from app.mic.capture import RATE

MAX_WAITING = 300
"""Pieces that may wait, 30 s: of a microphone the oldest go then, a file waits."""

Opened = Callable[[], AbstractContextManager[Iterator[bytes]]]


class Feed:
    """The pieces of a source, in real time. An error of the source is raised where they are taken."""

    def __init__(self, opened: Opened, paced: bool) -> None:
        self._opened = opened
        self._paced = paced
        self._stopped = threading.Event()
        self._arrived = asyncio.Event()
        self._pieces: list[bytes] = []
        self._error: Exception | None = None
        self._done = False
        self.dropped = 0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, name="sound", daemon=True)
        self._thread.start()

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Takes no more sound in; what was taken is still given."""
        self._stopped.set()
        self._done = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces, until the source ends or is stopped."""
        while True:
            self._arrived.clear()
            while self._pieces:
                yield self._pieces.pop(0)
            if self._error is not None:
                raise self._error
            if self._done:
                return
            await self._arrived.wait()

    def _read(self) -> None:
        try:
            with self._opened() as pieces:
                began, sent = time.monotonic(), 0
                for piece in pieces:
                    if self._paced:
                        self._stopped.wait(max(0.0, began + sent / RATE - time.monotonic()))
                        sent += len(piece) // 2
                    if self._stopped.is_set():
                        return
                    self._tell(self._take, piece)
        except Exception as error:
            self._tell(self._end, error)
            return
        self._tell(self._end, None)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        # The loop has closed where the program ends while a microphone still speaks.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *arguments)

    def _take(self, piece: bytes) -> None:
        if len(self._pieces) >= MAX_WAITING:
            self._pieces.pop(0)
            self.dropped += 1
        self._pieces.append(piece)
        self._arrived.set()

    def _end(self, error: Exception | None) -> None:
        self._error = error
        self._done = True
        self._arrived.set()
