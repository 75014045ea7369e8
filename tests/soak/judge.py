"""When viewers heard nothing, and whether a fault that was done explains it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.soak.plan import Fault

SILENT = -60.0
"""dBFS: nothing is spoken, and nothing else is heard."""
LONGEST_SILENCE = 6.0
"""Seconds of sound that are missing or silent; the sample itself pauses for 4 s before it begins anew."""
LONGEST_WAIT = 5.0
"""Seconds by the clock without any sound: what comes later than that a player has no more in store for."""
PAUSE = 4.0
"""Seconds that the sample is silent by itself: just before a fault, silence begins before it."""
DELAY = 6.0
"""Seconds after which a viewer may notice what was done: the delay of the dub, and what players keep."""


@dataclass(frozen=True)
class Second:
    """A second of sound: when it came, its place in the stream, both in seconds, and its level in dBFS."""

    at: float
    place: float
    level: float


@dataclass(frozen=True)
class Interruption:
    """From when to when viewers of the stream heard nothing."""

    stream: int
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


def interruptions(stream: int, heard: Sequence[Second], until: float) -> list[Interruption]:
    """Where sound was missing, silent, or came too late."""
    found: list[Interruption] = []
    sounding = [each for each in heard if each.level > SILENT]
    for before, after in pairwise(sounding):
        # Of a new connection the times begin anew.
        missing = after.place - before.place if after.place > before.place else 0.0
        if missing > LONGEST_SILENCE or after.at - before.at > LONGEST_WAIT:
            found.append(Interruption(stream, before.at, after.at))
    last = sounding[-1].at if sounding else 0.0
    if until - last > LONGEST_WAIT:
        found.append(Interruption(stream, last, until))
    return found


def explained(one: Interruption, faults: Sequence[Fault]) -> Fault | None:
    """The fault that may have caused it, where that allows so much."""
    for fault in faults:
        kind = fault.kind
        if kind.silence is None or not (kind.everybody or fault.stream == one.stream):
            continue
        ends = fault.at + fault.lasts + kind.silence
        if fault.at - PAUSE - 1.0 <= one.start <= ends and one.end <= ends + DELAY:
            return fault
    return None
