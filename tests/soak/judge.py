"""When viewers heard nothing, and whether a fault that was done explains it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.soak.plan import Fault

LONGEST_PAUSE = 2.0
"""Seconds between two seconds of sound that come from a busy machine, not from a fault."""
SILENT = -60.0
"""dBFS: the sample has noise of -40 dBFS in its pauses."""
LONGEST_SILENCE = 3.0
DELAY = 6.0
"""Seconds after which a viewer may notice what was done: the delay of the dub, and what players keep."""


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


def interruptions(stream: int, heard: Sequence[tuple[float, float]], until: float) -> list[Interruption]:
    """Where sound stopped, or was silence. `heard`: when each second of sound came, and its level in dBFS."""
    found: list[Interruption] = []
    last_sound = heard[0][0] if heard else 0.0
    for at, level in heard[1:]:
        if level > SILENT:
            if at - last_sound > LONGEST_SILENCE:
                found.append(Interruption(stream, last_sound, at))
            last_sound = at
    if until - last_sound > LONGEST_SILENCE:
        found.append(Interruption(stream, last_sound, until))
    return found


def explained(one: Interruption, faults: Sequence[Fault]) -> Fault | None:
    """The fault that may have caused it, where that allows so much."""
    for fault in faults:
        kind = fault.kind
        if kind.silence is None or not (kind.everybody or fault.stream == one.stream):
            continue
        ends = fault.at + fault.lasts + kind.silence
        if fault.at - 1.0 <= one.start <= ends and one.end <= ends + DELAY:
            return fault
    return None
