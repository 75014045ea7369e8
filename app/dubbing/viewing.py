"""A dub read from the media server as any viewer reads it: to be sent on, or joined with others.

The media server makes a path for whoever asks for one that is not there, and closes it at once; a publisher
that comes in that moment is refused. So it is asked for the dub only when it says that somebody publishes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import av
import av.error

from app.dubbing.worker.occupied import readable
from app.dubbing.worker.source import reason

COMES_WITHIN = 4.0
"""Seconds within which the media server gives the next of it."""
LOOK_EVERY, LOOK_AT_LEISURE = 0.25, 2.0
SOON = 15.0
"""Seconds after which a dub that is still not published is looked for at leisure."""
OPTIONS = {
    "rw_timeout": str(round(COMES_WITHIN * 1e6)),
    # The picture may be newer than RTMP.
    "rtmp_enhanced_codecs": "hvc1,av01,vp09",
    "analyzeduration": "1000000",
}


class Broken(Exception):
    """It goes on no more; the message says why, without an address."""


def await_published(
    look_at: str, leaving: threading.Event, missing: Callable[[], None] = lambda: None
) -> bool:
    """Waits until somebody publishes the dub, and calls `missing` meanwhile; False where who waits leaves."""
    until = time.monotonic() + SOON
    while not leaving.is_set() and not readable(look_at):
        missing()
        leaving.wait(LOOK_EVERY if time.monotonic() < until else LOOK_AT_LEISURE)
    return not leaving.is_set()


def reading(address: str) -> Any:
    """The dub, opened. Raises Broken."""
    try:
        return av.open(address, options=OPTIONS)
    except (av.error.FFmpegError, OSError) as error:
        raise Broken(f"the dub can't be read: {reason(error)}") from None


def packets(source: Any, chosen: list[Any]) -> Any:
    """The packets with a time, as they come. Raises Broken where the dub breaks off."""
    try:
        for packet in source.demux(chosen):
            if packet.dts is not None:
                yield packet
    except (av.error.FFmpegError, OSError) as error:
        raise Broken(f"the dub broke off: {reason(error)}") from None
