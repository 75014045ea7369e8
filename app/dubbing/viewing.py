"""A dub read from the media server as any viewer reads it: to be sent on, or joined with others."""

from __future__ import annotations

from typing import Any

import av
import av.error

from app.dubbing.worker.source import reason

COMES_WITHIN = 4.0
"""Seconds within which the media server gives the next of it."""
OPTIONS = {
    "rw_timeout": str(round(COMES_WITHIN * 1e6)),
    # The picture may be newer than RTMP.
    "rtmp_enhanced_codecs": "hvc1,av01,vp09",
    "analyzeduration": "1000000",
}


class Broken(Exception):
    """It goes on no more; the message says why, without an address."""


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
