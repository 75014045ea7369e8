"""An objection as an engine finds it, and whether it is one that stands already. Pure."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from app.sales.messages import Channel, Engine, Kind

STANDS = 60.0
"""Seconds after its last mention for which an objection stands: about the time an answer takes (a choice)."""
SAME_WORDS = 0.5
REMEMBERED = 50


@dataclass(frozen=True)
class Found:
    """An objection before it has an id. Times in seconds from the call's start."""

    channel: Channel
    kind: Kind
    quote: str
    start: float
    end: float
    confidence: float
    answers: tuple[str, ...]
    smokescreen: bool
    engine: Engine


class Standing:
    """The objections that stand in a call: one of them is not told again while it does.

    An objection stands for STANDS seconds after it was last brought up. The same one is the same kind,
    or, as two engines may call it differently, the same words at the same time.
    """

    def __init__(self, stands: float = STANDS) -> None:
        self._stands = stands
        self._known: deque[Found] = deque(maxlen=REMEMBERED)

    def is_new(self, found: Found) -> bool:
        """Whether it is to be told; what stands already stands on from this mention."""
        same = [known for known in self._known if self._is_same(known, found)]
        for known in same:
            self._known.remove(known)
        self._known.append(found)
        return not same

    def _is_same(self, known: Found, found: Found) -> bool:
        if known.channel != found.channel:
            return False
        if known.kind == found.kind:
            return abs(found.start - known.end) <= self._stands or overlap(known, found)
        return overlap(known, found) and shared_words(known.quote, found.quote) >= SAME_WORDS


def overlap(one: Found, other: Found) -> bool:
    """Whether they were said at the same time."""
    return one.start < other.end and other.start < one.end


def shared_words(one: str, other: str) -> float:
    """The share of the shorter text's words that the other has too, 0 to 1."""
    words, others = set(re.findall(r"\w+", one.lower())), set(re.findall(r"\w+", other.lower()))
    return len(words & others) / max(1, min(len(words), len(others)))
