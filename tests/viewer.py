"""Somebody who watches a stream and connects again when it ends, as players do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.error

from app.demo.read import OPTIONS, RETRY_EVERY


class Viewer:
    """Watches an RTMP address over and over; `pictures` are the times (monotonic) at which they came.

    A picture counts where it can be decoded: after a keyframe of the same connection.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.pictures: list[float] = []
        self._leaving = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watches, in a thread of its own, until it is left."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._leaving.set()
            thread.join()

    def longest_pause(self, since: float = 0.0) -> float:
        """The longest time in seconds without a picture, of the pauses that ended after `since`."""
        pairs = zip(self.pictures, self.pictures[1:], strict=False)
        return max((after - before for before, after in pairs if after > since), default=0.0)

    def _watch(self) -> None:
        while not self._leaving.is_set():
            try:
                with av.open(self.address, options=OPTIONS) as stream:
                    self._see(stream)
            except (av.error.FFmpegError, OSError):
                self._leaving.wait(RETRY_EVERY)

    def _see(self, stream: av.container.InputContainer) -> None:
        started = False
        for packet in stream.demux(stream.streams.video[:1]):
            if self._leaving.is_set():
                return
            started = started or packet.is_keyframe
            if started and packet.size:
                self.pictures.append(time.monotonic())
