"""How long phrases are: as long as the profile lets them be, shorter where answers are slow."""

from __future__ import annotations

from collections import deque

from app.dubbing.worker.profiles import Profile

REMEMBERED = 20
EXCEPTIONS = 1
"""Answers, and how many of them may be slower than what phrases are made to fit: 1 in 20."""
SPARE = 0.15
"""Seconds for the way from an answer to where it is heard: fitting, the mixer's fade, the next block."""
SHORTEST = 0.75
"""Of the profile's longest phrase: what is shorter still is understood badly and costs more."""


class Lengths:
    """Learns from each answer how long the next phrase may be, so that its dub starts in time.

    A phrase that is cut at its longest is answered for until the delay is over: what an answer takes longer,
    the phrase must be shorter.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    def answered(self, seconds: float) -> None:
        """Takes note of how long the answer to a phrase took."""
        self._took.append(seconds)

    @property
    def longest(self) -> float:
        """Seconds that the next phrase may last."""
        most = self._profile.longest_phrase
        if len(self._took) <= EXCEPTIONS:
            return most
        slow = sorted(self._took)[-1 - EXCEPTIONS]
        left = self._profile.delay - SPARE - slow
        return min(most, max(left, SHORTEST * most))
