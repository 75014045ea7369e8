"""When a stream is out of its programme, by its splices. Pure; in ticks of the stream's clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.dubbing.signals.clock import between
from app.dubbing.signals.kept import Splice

LONGEST = 600.0
"""Seconds after which a break ends whose end is never told."""
MOST = 32


@dataclass(frozen=True)
class Break:
    """From `start` on; it lasts that many seconds as far as is known now."""

    event: int
    start: int
    seconds: float


class Breaks:
    """The breaks of a stream, oldest first; old ones go."""

    def __init__(self) -> None:
        self.all: list[Break] = []

    def add(self, splice: Splice) -> None:
        """A splice has come: mostly before its time."""
        cue, ticks = splice.cue, splice.ticks
        if cue.cancelled:
            self.all = [each for each in self.all if each.event != cue.event]
        elif cue.kind == "out":
            # Told anew with another time, it has been moved.
            self.all = [each for each in self.all if each.event != cue.event or ends(each, ticks)]
            self.all = [*self.all[1 - MOST :], Break(cue.event, ticks, cue.seconds or LONGEST)]
        elif cue.kind == "in":
            own = any(each.event == cue.event for each in self.all)
            self.all = [
                ended(each, ticks) if each.event == cue.event or not (own or ends(each, ticks)) else each
                for each in self.all
            ]


def ends(one: Break, ticks: int) -> bool:
    """Whether it is over then."""
    return between(one.start, ticks) >= one.seconds


def ended(one: Break, ticks: int) -> Break:
    """The break, which ends then; one that was over before, or begins after, stays as it is.

    Who is late to come back says so: the end that was planned holds no more.
    """
    seconds = between(one.start, ticks)
    if seconds <= 0 or seconds > one.seconds + LONGEST:
        return one
    return replace(one, seconds=seconds)
