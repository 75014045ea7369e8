"""When something is said, and what of all that happens. Pure: it is told the time, in seconds."""

from __future__ import annotations

from app.commentary.messages import Pace
from app.commentary.scene import Happening, Happens

WEIGHTS: dict[Happens, int] = {
    "cut": 3, "fade": 3, "fade_out": 3, "start": 3, "brighter": 2, "darker": 2, "flicker": 2, "moves": 2,
    "pan": 2, "text": 2, "stirs": 1, "still": 0,
}  # fmt: skip
NEW_SCENE = 3
GAPS: dict[Pace, float] = {"calm": 12.0, "normal": 5.0, "lively": 2.0}
"""Seconds between two comments within a scene; a new scene is told at once."""
STALE = 2.5
"""Seconds after which what happened is past."""
QUIET_GAP = 60.0
BREATH = 0.3


class Pacer:
    """Chooses among what happens: a new scene at once, within one seldom, in quiet ones once a minute.

    What is told while something is being said waits for the end of that, and is dropped where it is stale
    by then, or something else is more worth saying.
    """

    def __init__(self, pace: Pace = "normal") -> None:
        self.pace = pace
        self.dropped = 0
        self._waiting: Happening | None = None
        self._last = float("-inf")
        self._scene_since = float("-inf")

    def offer(self, happened: Happening) -> None:
        """Something has happened."""
        waiting = self._waiting
        if WEIGHTS[happened.what] == NEW_SCENE:
            self._scene_since = happened.at
        elif waiting is not None and WEIGHTS[waiting.what] > WEIGHTS[happened.what]:
            self.dropped += 1
            return
        if waiting is not None:
            self.dropped += 1
        self._waiting = happened

    def due(self, now: float, quiet_at: float) -> Happening | None:
        """What is to be said now, if anything. Whatever is being said is over at `quiet_at`."""
        waiting = self._waiting
        if waiting is None:
            return None
        if now - waiting.at > STALE:
            self._waiting = None
            self.dropped += 1
            return None
        if now < quiet_at + BREATH or now - self._last < self._gap(waiting):
            return None
        self._waiting, self._last = None, now
        return waiting

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be told."""
        return self._waiting is None

    @property
    def new_scene(self) -> bool:
        """Whether a new scene waits to be told."""
        return self._waiting is not None and WEIGHTS[self._waiting.what] == NEW_SCENE

    def holds(self, happened: Happening) -> bool:
        """Whether a comment on that is still about the scene that is seen."""
        return happened.at >= self._scene_since

    def _gap(self, happened: Happening) -> float:
        weight = WEIGHTS[happened.what]
        if weight == NEW_SCENE:
            return 0.0
        return GAPS[self.pace] if weight else QUIET_GAP
