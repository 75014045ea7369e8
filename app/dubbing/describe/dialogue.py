"""Where nobody speaks, as far as it has been heard. Pure: probabilities of speech in, gaps out."""

from __future__ import annotations

from collections import deque

from app.dubbing.describe.place import Gap

SPEECH, STILL_SPEECH = 0.5, 0.35
ONSET = 0.1
"""Seconds of a word that have passed before it is known to be speech."""


class Dialogue:
    """The gaps of the last `kept` seconds, in seconds on the output's timeline.

    The end of the last one is not known yet: it is at least where `gaps` says. What was not heard counts as
    speech.
    """

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self._gaps: deque[Gap] = deque()
        self._since: float | None = None
        self._known = 0.0
        self._speaks = False

    def hear(self, start: float, end: float, probability: float) -> bool:
        """Sound in [start, end) is speech with that probability; says whether it counts as such."""
        self._speaks = probability >= (STILL_SPEECH if self._speaks else SPEECH)
        if self._speaks:
            self._close(start - ONSET)
        elif self._since is None:
            self._since = start
        self._known = end
        while self._gaps and self._gaps[0].end < end - self._kept:
            self._gaps.popleft()
        return self._speaks

    def step(self) -> None:
        """The sound breaks off."""
        self._close(self._known - ONSET)
        self._speaks = False

    def gaps(self) -> list[Gap]:
        """The gaps, the oldest first."""
        if self._since is None or self._known - ONSET <= self._since:
            return list(self._gaps)
        return [*self._gaps, Gap(self._since, self._known - ONSET)]

    def _close(self, end: float) -> None:
        if self._since is not None and end > self._since:
            self._gaps.append(Gap(self._since, end))
        self._since = None
