"""Which sessions are dubbed where there is more to do than time: the oldest, as many as there is time for.

Served by rank (app/speech/ranked.py), the oldest come first, but what is begun for others is not broken off:
near the limit everybody would be late. So the newest session rests while older ones are late, and is taken
in again once they have been in time for a while. Nothing is calibrated: what else the machine does counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable

import structlog

LATE = 0.9
"""Seconds before its deadline that an answer is late: in the profile live it is heard 0.25 s late."""
WINDOW = 10.0
MANY = 3
MOST = 0.5
SPREAD = 3.0
"""So many late answers within WINDOW seconds, and this share of all that came, are no exception; and no stall
where they are so many seconds apart."""
EFFECT = 5.0
"""Seconds until it shows whether one session less is enough."""
PATIENCE, LONGEST_PATIENCE = 15.0, 480.0
"""Seconds without lateness after which one more is tried, at first and at most: twice as many each time that
it was one too many."""

log = structlog.get_logger(__name__)


class Room:
    """Sessions in the order in which they came; those beyond what there is time for rest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: list[Hashable] = []
        self._most: int | None = None
        self._answers: deque[tuple[float, bool]] = deque()
        self._changed = self._bad = clock()
        self._tried = False
        self._patience = PATIENCE

    @property
    def dubbed(self) -> int:
        """How many sessions are dubbed."""
        return len(self._sessions) if self._most is None else min(self._most, len(self._sessions))

    @property
    def resting(self) -> int:
        """How many are not."""
        return len(self._sessions) - self.dubbed

    def enter(self, session: Hashable) -> None:
        """A session asks for a phrase: at its first one it comes, after all others.

        One that a client only has in reserve takes no place from those that are dubbed.
        """
        if session not in self._sessions:
            self._sessions.append(session)

    def leave(self, session: Hashable) -> None:
        """A session ends; the next one has its place."""
        if session in self._sessions:
            self._sessions.remove(session)

    def admits(self, session: Hashable) -> bool:
        """Whether the session's next phrase is dubbed."""
        self._try_one_more()
        return session in self._sessions[: self.dubbed]

    def answered(self, session: Hashable, *, late: bool) -> None:
        """How an answer of the session came; those of sessions that rest say nothing."""
        if session not in self._sessions[: self.dubbed]:
            return
        now = self._clock()
        self._answers.append((now, late))
        while self._answers[0][0] < now - WINDOW:
            self._answers.popleft()
        if not late:
            return
        self._bad = now
        found = [at for at, was_late in self._answers if was_late]
        many = len(found) >= max(MANY, MOST * len(self._answers)) and now - found[0] >= SPREAD
        if many and self.dubbed > 1 and now >= self._changed + EFFECT:
            self._one_less(now)

    def _one_less(self, now: float) -> None:
        self._patience = min(LONGEST_PATIENCE, 2 * self._patience) if self._tried else PATIENCE
        self._most, self._changed, self._tried = self.dubbed - 1, now, False
        self._answers.clear()
        log.warning(
            "too much for this machine: the newest session rests", dubbed=self.dubbed, resting=self.resting
        )

    def _try_one_more(self) -> None:
        now = self._clock()
        if self._most is None or now < max(self._bad, self._changed) + self._patience:
            return
        if not self.resting:
            # All that came have been in time: there is no limit that is known of.
            self._most, self._patience = None, PATIENCE
            return
        self._most, self._changed, self._tried = self._most + 1, now, True
        log.info("one more session is tried", dubbed=self.dubbed, resting=self.resting)
