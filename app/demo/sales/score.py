"""What was found of what was planted, and how long after the sentence ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.sales.script import Placed
from app.demo.statistics import Spread, spread
from app.sales.messages import ObjectionEvent

BEFORE, AFTER = 1.0, 2.0
"""Seconds by which a recogniser's times may be off."""
LEAST_FOUND = 0.6
"""The share of planted objections that the embedded recogniser must let through for a good ending."""


@dataclass(frozen=True)
class Seen:
    """An objection, and when it arrived, in seconds of the call."""

    objection: ObjectionEvent
    arrived: float


@dataclass(frozen=True)
class Score:
    """The planted objections that were found (with what was seen) and missed, and what was seen falsely.

    `delay` is from the end of the sentence to its objection, in seconds.
    """

    found: list[tuple[Placed, Seen]]
    missed: list[Placed]
    false: list[Seen]
    delay: Spread

    @property
    def recall(self) -> float:
        """The share of planted objections that were found."""
        planted = len(self.found) + len(self.missed)
        return len(self.found) / planted if planted else 1.0

    @property
    def precision(self) -> float:
        """The share of what was seen that was planted."""
        seen = len(self.found) + len(self.false)
        return len(self.found) / seen if seen else 1.0

    @property
    def is_good(self) -> bool:
        """Whether the demo shows what it should."""
        return self.recall >= LEAST_FOUND and len(self.false) <= len(self.found) / 4


def score(call: Sequence[Placed], seen: Sequence[Seen]) -> Score:
    """Matches what was seen with what was planted: the same kind, at the same time."""
    rest = list(seen)
    found: list[tuple[Placed, Seen]] = []
    missed = []
    for placed in call:
        if placed.line.kind is None:
            continue
        match = next((each for each in rest if is_same(placed, each)), None)
        if match is None:
            missed.append(placed)
        else:
            rest.remove(match)
            found.append((placed, match))
    return Score(found, missed, rest, spread([each.arrived - placed.end for placed, each in found]))


def is_same(placed: Placed, seen: Seen) -> bool:
    """Whether that is the planted objection."""
    objection = seen.objection
    overlaps = objection.start < placed.end + AFTER and objection.end > placed.start - BEFORE
    return overlaps and (objection.kind, objection.channel) == (placed.line.kind, placed.line.channel)
