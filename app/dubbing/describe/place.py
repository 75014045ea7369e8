"""Which description is spoken where: gaps in the dialogue and sentences in, places out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHORTEST_GAP = 1.5
"""Seconds. What is shorter is a breath of who speaks."""
AFTER_SPEECH, BEFORE_SPEECH = 0.1, 0.15
BETWEEN = 0.3


@dataclass(frozen=True)
class Gap:
    """Nobody speaks in [start, end), in seconds on the output's timeline."""

    start: float
    end: float


@dataclass(frozen=True)
class Sentence:
    """A description: it starts from `wanted` to `latest`, and lasts `seconds`, or `least` spoken faster."""

    id: int
    wanted: float
    latest: float
    seconds: float
    least: float


@dataclass(frozen=True)
class Placement:
    """A sentence starts there and lasts so long."""

    id: int
    start: float
    seconds: float

    @property
    def end(self) -> float:
        """Where it ends."""
        return self.start + self.seconds


def place(gaps: Iterable[Gap], sentences: Sequence[Sentence], free_from: float) -> list[Placement]:
    """Places as many as it can, each whole within a gap, from `free_from` on.

    They are said in the order of what they tell. One that fits nowhere before the next one is left out.
    """
    waiting = sorted(sentences, key=lambda sentence: (sentence.wanted, sentence.id))
    placed: list[Placement] = []
    at = free_from
    for gap in sorted(gaps, key=lambda gap: gap.start):
        if gap.end - gap.start < SHORTEST_GAP:
            continue
        at = max(at, gap.start + AFTER_SPEECH)
        index = 0
        while index < len(waiting):
            sentence = waiting[index]
            start = max(at, sentence.wanted)
            room = gap.end - BEFORE_SPEECH - start
            if start > sentence.latest or room < sentence.least:
                index += 1
                continue
            placed.append(Placement(sentence.id, start, min(sentence.seconds, room)))
            at = placed[-1].end + BETWEEN
            del waiting[: index + 1]
            index = 0
    return placed
