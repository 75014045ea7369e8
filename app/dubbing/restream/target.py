"""The server that a dub is sent on to, opened for writing, over RTMP or SRT, which carries signals, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import av.error

from app.dubbing import srt, srt_address
from app.dubbing.restream.greeting import NoAnswer, greet
from app.dubbing.restream.programme import Programme
from app.dubbing.restream.signals import Signals
from app.dubbing.viewing import Broken
from app.dubbing.worker.source import reason

TAKEN_WITHIN = 4.0
"""Seconds within which a server answers."""


@contextmanager
def writing(address: str, signals: Signals) -> Iterator[tuple[Any, Programme | None]]:
    """The target, opened, and where signals are put, None where it carries none. Raises Broken."""
    if not address.startswith(srt_address.SCHEME):
        with _over_rtmp(address) as target:
            yield target, None
        return
    try:
        connection = srt.connect(srt_address.parse(address), TAKEN_WITHIN, TAKEN_WITHIN)
    except OSError as error:
        raise Broken(f"the target can't be reached: {reason(error)}") from None
    programme = Programme(connection, signals)
    with connection, av.open(programme, "w", format="mpegts", buffer_size=srt.PACKET) as target:
        yield target, programme


def _over_rtmp(address: str) -> Any:
    try:
        greet(address, TAKEN_WITHIN)
        return av.open(address, "w", format="flv", options={"flvflags": "no_duration_filesize"})
    except NoAnswer as error:
        raise Broken(f"the target can't be reached: {error}") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise Broken(f"the target can't be reached: {reason(error)}") from None
