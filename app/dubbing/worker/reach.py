"""Where a source is read, and which of its sound tracks; both may become others while it is read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.dubbing.tracks import Chosen
from app.dubbing.worker.source import Source


class Reach:
    """Who reads opens the source and leaves it where that is `elsewhere`; others wake it and choose.

    `source` is the one that is open, `woken` is set where it should be tried now.
    """

    def __init__(self, url: str, chosen: Chosen) -> None:
        self._url, self._chosen = url, chosen
        self.source: Source | None = None
        self.elsewhere = False
        self.woken = threading.Event()

    def wake(self, url: str = "") -> None:
        """Connect now instead of after the wait, to this address where one is given."""
        self._url = url or self._url
        self.woken.set()

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
