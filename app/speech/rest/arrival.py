"""How what a client sends arrives: at a lowest rate, so many at once, and so many bytes of disk in all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager

from app.speech.rest.errors import ApiError

GRACE = 20.0
"""Seconds that a client may send nothing, and what it gets back as it sends."""
LOWEST_RATE = 4096
"""Bytes a second in the long run: half of what a slow mobile link carries (a choice)."""
MOST_ARRIVING = 64
"""Uploads at once. Each holds 1 MB of memory at most; what is more lies on disk."""
TIMES_THE_LARGEST = 8
"""How many of the largest uploads the disk may hold at once (a choice)."""


async def paced(chunks: AsyncIterator[bytes], deadline: float) -> AsyncGenerator[bytes, None]:
    """The chunks as they arrive. Raises ApiError 408 where they come too slowly, or after `deadline`.

    Only the time spent waiting for the client counts, so that a slow disk is not held against it.
    """
    patience = GRACE
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(patience, deadline - began))):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise too_slow() from error
        patience = left(patience, time.monotonic() - began, len(chunk))
        yield chunk


def left(patience: float, waited: float, size: int) -> float:
    """Seconds that a client may let wait from now on, after `size` bytes that came in `waited` seconds."""
    return min(GRACE, patience - waited + size / LOWEST_RATE)


def too_slow() -> ApiError:
    """The error for a body that doesn't come."""
    return ApiError(
        408,
        f"the request arrived too slowly; send at least {LOWEST_RATE} bytes a second, and all of it within "
        "REQUEST_DEADLINE",
        "too_slow",
    )


class Space:
    """The bytes on disk of one upload."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self.taken = 0

    def take(self, size: int) -> None:
        """Counts more bytes. Raises ApiError 503 where all uploads together would take too many."""
        if self._uploads.bytes + size > self._uploads.most_bytes:
            raise no_room()
        self._uploads.bytes += size
        self.taken += size


class Uploads:
    """The uploads of one service. Belongs to one event loop."""

    def __init__(self, most_bytes: int, most_arriving: int = 0) -> None:
        self.most_bytes = most_bytes
        self.most_arriving = most_arriving
        self.bytes = 0
        self.arriving = 0

    @contextmanager
    def space(self) -> Iterator[Space]:
        """Room for one upload, until nobody needs its file any more."""
        space = Space(self)
        try:
            yield space
        finally:
            self.bytes -= space.taken

    @contextmanager
    def arrival(self) -> Iterator[None]:
        """One upload on its way. Raises ApiError 503 where too many are."""
        if self.arriving >= (self.most_arriving or MOST_ARRIVING):
            raise ApiError(503, "too many uploads are on their way; try again in a moment", "overloaded")
        self.arriving += 1
        try:
            yield
        finally:
            self.arriving -= 1


def no_room() -> ApiError:
    """The error for an upload that the disk can't take now."""
    return ApiError(503, "there is no room for the upload now; try again in a moment", "no_room", "file")
