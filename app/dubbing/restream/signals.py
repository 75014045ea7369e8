"""The stream's splices (SCTE-35) and timed ID3, moved to where its pictures are in what is sent on.

A dub carries the source's own pictures, by which it is known where each moment of the stream's clock lies
(app/dubbing/signals/clock.py). Sections keep their bytes but for `pts_adjustment`, which is there for that.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from app.dubbing.signals.clock import RATE, ClockMark, StreamClock, tail_of
from app.dubbing.signals.kept import Metadata, Recent, Signal, Splice
from app.dubbing.signals.scte35 import moved

OVER = 1.0
"""Seconds after its time in which a signal is still worth something."""
AHEAD = 0.5
"""Seconds before its time at which a tag is sent."""
MOST_TAGS = 64
"""Tags that wait for their time."""


class Signals:
    """Signals come in one thread, pictures in another. Times are seconds on the clock of what is sent on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent = Recent()
        self._clock = StreamClock()
        self._waiting: dict[bytes, Splice] = {}
        self._tags: deque[Metadata] = deque(maxlen=MOST_TAGS)
        self.used = False

    def tell(self, signal: Signal) -> None:
        """The stream carries this; a mark's `arrival` is when its picture comes here, about."""
        with self._lock:
            self.used = True
            self._recent.add(signal)
            self._take(signal)

    def begin(self) -> None:
        """Pictures have other times from now on; who receives them knows of no splice yet."""
        with self._lock:
            self._clock, self._waiting = StreamClock(), {}
            for signal in self._recent:
                self._take(signal)

    def picture(self, data: bytes, shown: float) -> None:
        """A picture goes on, which is shown then."""
        with self._lock:
            if self._clock.used:
                self._clock.picture(tail_of(data), shown, time.monotonic())

    def sections(self, now: float) -> list[bytes]:
        """The splices to be sent when what is decoded `now` is: ahead of their time, where they tell one."""
        found: list[bytes] = []
        with self._lock:
            for section, splice in list(self._waiting.items()):
                place = self._clock.place(splice.ticks)
                at_once = splice.cue.ticks is None and not splice.cue.cancelled
                if place is None or (at_once and place > now):
                    continue
                del self._waiting[section]
                if place > now - OVER:
                    found.append(moved(section, round(place * RATE) - splice.ticks))
        return found

    def tags(self, now: float) -> list[tuple[float, bytes]]:
        """The tags to be sent when what is decoded `now` is, each with the time that it is meant for."""
        found: list[tuple[float, bytes]] = []
        with self._lock:
            for tag in list(self._tags):
                place = self._clock.place(tag.ticks)
                if place is None or place > now + AHEAD:
                    continue
                self._tags.remove(tag)
                if place > now - OVER:
                    found.append((place, tag.tag))
        return found

    def _take(self, signal: Signal) -> None:
        match signal:
            case ClockMark():
                self._clock.mark(signal)
            case Splice():
                # A section may tell of several splices at once.
                self._waiting[signal.section] = signal
            case Metadata():
                self._tags.append(signal)
