"""Where a source is read, and which of its sound tracks; both may become others while it is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.dubbing.tracks import Chosen
from app.dubbing.worker.source import Source

LOOK_EVERY = 1.0


class Reach:
    """Who reads opens the source, leaves it where that is `elsewhere`, and rests before the next attempt.

    Others wake it, choose, and say that the publisher is gone. `source` is the one that is open.
    """

    def __init__(self, url: str, chosen: Chosen) -> None:
        self._url, self._chosen = url, chosen
        self.source: Source | None = None
        self.elsewhere = False
        self._gone = False
        self._woken = threading.Event()

    def wake(self, url: str = "") -> None:
        """Connect now instead of after the rest, to this address where one is given."""
        self._url = url or self._url
        self._gone = False
        self._woken.set()

    def publisher_gone(self) -> None:
        """Don't connect again before it is woken."""
        self._gone = True

    def rest(self, seconds: float, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Returns when it is time to connect again, or within a second after it no longer `goes_on`."""
        until = time.monotonic() + seconds
        while goes_on() and not self._woken.is_set():
            left = until - time.monotonic()
            if left <= 0 and not self._gone:
                break
            self._woken.wait(min(left, LOOK_EVERY) if left > 0 else LOOK_EVERY)
        self._woken.clear()

    def choose(self, chosen: Chosen, url: str) -> None:
        """These sound tracks from now on; read anew where they are at another address."""
        self._chosen = chosen
        if url != self._url:
            self.elsewhere = True
            self.wake(url)
        elif self.source is not None:
            self.source.choose(chosen)

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """The source. Raises SourceError."""
        self.elsewhere = False
        with Source(self._url, self._chosen) as source:
            self.source = source
            # Another choice may have been made while it was opened.
            source.choose(self._chosen)
            try:
                yield source
            finally:
                self.source = None
