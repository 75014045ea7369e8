"""What one sees in a room: the pictures of one camera at a time, as small as those of every other source."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import av
import numpy as np
import structlog
from livekit import rtc

from app.commentary.frames.decoding import RATE, small
from app.commentary.frames.provider import Picture

log = structlog.get_logger()


class Watching:
    """The newest pictures of a track, RATE a second at most, drained in a task of its own."""

    def __init__(self, track: rtc.Track, take: Callable[[Picture], None]) -> None:
        # Without a bound, frames pile up while a picture is being looked at.
        self._stream = rtc.VideoStream(track, capacity=1, format=rtc.VideoBufferType.I420)
        self._take = take
        self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        due = 0.0
        try:
            async for event in self._stream:
                if (now := time.monotonic()) < due:
                    continue
                due = max(due + 1.0 / RATE, now)
                self._take(await asyncio.to_thread(picture, event.frame))
        except Exception:
            log.exception("a camera is watched no more")

    async def close(self) -> None:
        """Sees no more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._stream.aclose()


def picture(frame: rtc.VideoFrame) -> Picture:
    """A frame as it is looked at."""
    width, height = frame.width, frame.height
    made = av.VideoFrame(width, height, "yuv420p")
    data = np.frombuffer(frame.data, np.uint8)
    at = 0
    for number, plane in enumerate(made.planes):
        stride, rows = (width, height) if number == 0 else ((width + 1) // 2, (height + 1) // 2)
        lines = np.zeros((rows, plane.line_size), np.uint8)
        lines[:, :stride] = data[at : at + stride * rows].reshape(rows, stride)
        plane.update(lines.tobytes())
        at += stride * rows
    return small(made)
