"""Which words of a hypothesis that keeps changing are settled. Pure.

LocalAgreement-2: the longest common prefix of two consecutive hypotheses is settled (Liu et al.,
"Low-Latency Sequence-to-Sequence Speech Recognition", Interspeech 2020; for Whisper: Macháček, Dabre and
Bojar, 2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.speech.guards import plain
from app.speech.types import Word


class Agreement:
    """Takes hypotheses about what is not settled yet; settled words come out once, in order of time."""

    def __init__(self) -> None:
        self._before: list[Word] = []
        self._end = 0.0

    @property
    def end(self) -> float:
        """Where the settled words end, in seconds; never goes back."""
        return self._end

    @property
    def pending(self) -> list[Word]:
        """The newest hypothesis without what is settled."""
        return list(self._before)

    def propose(self, words: Sequence[Word], until: float = math.inf) -> list[Word]:
        """The words up to `until` that this hypothesis and the one before it agree on from their start."""
        fresh = self._fresh(words)
        agreed = 0
        for one, other in zip(self._fresh(self._before), fresh, strict=False):
            if plain(one.text) != plain(other.text) or other.end > until:
                break
            agreed += 1
        self._before = fresh[agreed:]
        return self._settle(fresh[:agreed])

    def finish(self, words: Sequence[Word]) -> list[Word]:
        """The phrase is over: all of the last hypothesis is settled."""
        self._before = []
        return self._settle(self._fresh(words))

    def _fresh(self, words: Sequence[Word]) -> list[Word]:
        return [word for word in words if word.middle >= self._end]

    def _settle(self, words: Sequence[Word]) -> list[Word]:
        settled = []
        for word in words:
            start = max(word.start, self._end)
            self._end = max(word.end, start)
            settled.append(Word(word.text, start, self._end))
        return settled
