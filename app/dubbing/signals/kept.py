"""Signals, and those that whoever begins later still has to know."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.dubbing.signals.clock import ClockMark
from app.dubbing.signals.scte35 import Cue

MARKS = 8
SPLICES = 32


@dataclass(frozen=True)
class Splice:
    """A cue, whose time is known, and the section that it stood in."""

    cue: Cue
    ticks: int
    section: bytes = field(repr=False)


@dataclass(frozen=True)
class Metadata:
    """Timed ID3: a tag and the moment that it is meant for."""

    ticks: int
    tag: bytes = field(repr=False)


Signal = ClockMark | Splice | Metadata


class Recent:
    """The last signals of a stream: marks of its clock, and splices, which may have begun something."""

    def __init__(self) -> None:
        self._marks: deque[ClockMark] = deque(maxlen=MARKS)
        self._splices: deque[Splice] = deque(maxlen=SPLICES)

    def add(self, signal: Signal) -> None:
        """A signal has come. ID3 that nobody was there for is over."""
        match signal:
            case ClockMark():
                self._marks.append(signal)
            case Splice():
                self._splices.append(signal)

    def __iter__(self) -> Iterator[Signal]:
        yield from list(self._marks)
        yield from list(self._splices)
