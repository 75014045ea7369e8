"""What a transport stream carries beside picture and sound, told as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

from app.dubbing.signals import scte35
from app.dubbing.signals.clock import RATE, ROUND, TAIL, ClockMark, between, tail_of
from app.dubbing.signals.kept import Metadata, Signal, Splice
from app.dubbing.start_codes import picture_of

SPLICES, TAGS = "scte_35", "timed_id3"
MARK_EVERY = 1.0
SAME = 1.0
"""Sections are repeated: they say the same where their event is the same, and their times are that near."""
SAME_AT_ONCE = 5.0
"""The same where they tell no time."""
REMEMBERED = 64
LARGEST_TAG = 64 << 10

log = structlog.get_logger()


class Side:
    """Hands on marks of the stream's clock, splices once each, and tags. Counts both."""

    def __init__(self, tell: Callable[[Signal], None]) -> None:
        self._tell_signal = tell
        self._picture_in = picture_of(None)
        self._newest: int | None = None
        self._marked = float("-inf")
        self._known: dict[tuple[int, str], int] = {}
        self._bad = False
        self.splices = 0
        self.tags = 0

    def begin(self, picture: Any) -> None:
        """The stream is there (again), with this picture or none."""
        self._picture_in = picture_of(picture)
        self._newest, self._marked = None, float("-inf")
        self._known.clear()

    def tracks(self, source: Any) -> list[Any]:
        """Those of its tracks that are understood here."""
        return [each for each in source.streams.data if each.name in (SPLICES, TAGS)]

    def see(self, packet: Any) -> None:
        """A picture is about to go on."""
        if packet.pts is None:
            return
        ticks = ticks_of(packet)
        self._newest = ticks
        now = time.monotonic()
        if now - self._marked < MARK_EVERY or packet.size < 4 * TAIL:
            return
        self._marked = now
        self._tell_signal(ClockMark(ticks, tail_of(self._picture_in(packet)), now))

    def take(self, packet: Any) -> None:
        """A packet of one of these tracks."""
        ticks = self._newest if packet.pts is None else ticks_of(packet)
        if ticks is None or not packet.size:
            return
        data = bytes(packet)
        if packet.stream.name == TAGS:
            if data.startswith(b"ID3") and len(data) <= LARGEST_TAG:
                self.tags += 1
                self._tell_signal(Metadata(ticks, data))
            return
        try:
            found = scte35.cues(data)
        except scte35.NotASplice as error:
            if not self._bad:
                log.warning("a splice is not understood", problem=str(error))
            self._bad = True
            return
        section = data[: scte35.length_of(data)]
        for cue in found:
            self._splice(cue, ticks if cue.ticks is None else cue.ticks, section)

    def _splice(self, cue: scte35.Cue, ticks: int, section: bytes) -> None:
        key = cue.event, "cancelled" if cue.cancelled else cue.kind
        before = self._known.get(key)
        same = SAME if cue.ticks is not None else SAME_AT_ONCE
        if before is not None and abs(between(before, ticks)) < same:
            return
        self._known[key] = ticks
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        self.splices += 1
        log.info("splice", kind=cue.kind, number=cue.event, seconds=cue.seconds)
        self._tell_signal(Splice(cue, ticks, section))


def ticks_of(packet: Any) -> int:
    """When a packet is meant for, on the stream's clock."""
    ticks: int = round(packet.pts * packet.time_base * RATE)
    return ticks % ROUND
