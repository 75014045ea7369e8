"""From one picture after another to what happens: cuts, fades, movement, light, stillness. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from app.commentary.change import Colour, Look, Shift, Spot, change, shift, spot
from app.commentary.messages import Why

Light = Literal["black", "dark", "even", "bright", "white"]
Way = Literal["left", "right", "up", "down"]
Happens = Literal[
    "start",
    "cut",
    "fade",
    "fade_out",
    "pan",
    "moves",
    "stirs",
    "brighter",
    "darker",
    "flicker",
    "still",
    "text",
]
WHY: dict[Happens, Why] = {
    "start": "start", "cut": "cut", "fade": "fade", "fade_out": "fade", "pan": "motion", "moves": "motion",
    "stirs": "motion", "brighter": "light", "darker": "light", "flicker": "light", "still": "still",
    "text": "text",
}  # fmt: skip

STEPS = 6
"""Pictures that are looked at together; at five a second that is a second."""
SAME_STRUCTURE, SAME_COLOURS = 0.3, 0.25
OTHER_STRUCTURE, OTHER_COLOURS = 0.45, 0.25
OTHER_PLACES = 0.7
"""From here on structure alone tells another scene: two may have the same colours."""
OTHER_AREA = 0.2
"""A scene is not another one while less than this share of its points has changed: a thing has moved."""
WHOLE = 0.75
"""Spread from which on it is the picture that changes, and not a thing in it."""
EXPLAINED = 0.6
"""A movement of the whole picture leaves less than this of what changed."""
FLASH = 3
"""Pictures within which the scene before may come back; then it was a flash, no cut."""
LIGHTER = 0.15
FLICKERS = 0.05
SMALLEST, LARGEST = 0.0012, 0.5
STEP = 0.05
"""How far something has to get, as a share of the picture, to move and not to stir."""
QUIET = 0.0012
QUIET_FOR = 15.0
PAUSE, AGAIN_AFTER = 4.0, 30.0
"""What goes on is told again after so many seconds, or where it had stopped for so many."""


@dataclass(frozen=True)
class Happening:
    """Something that happened at that time (s), and the measured facts about it.

    `light` and `colour` are of the picture as it is now; `way` is where something moves to, `x` and `y`
    where it is (from 0, 0 top left to 1, 1), `seconds` how long nothing has moved, `texts` what can be read.
    """

    what: Happens
    at: float
    light: Light
    colour: Colour | None
    way: Way | None = None
    x: float = 0.5
    y: float = 0.5
    seconds: float = 0.0
    texts: tuple[str, ...] = ()

    @property
    def why(self) -> Why:
        """The kind of it, as comments name it."""
        return WHY[self.what]


def light_of(brightness: float) -> Light:
    """How light a picture of that mean brightness is."""
    if brightness < 0.05:
        return "black"
    if brightness < 0.25:
        return "dark"
    if brightness > 0.95:
        return "white"
    return "bright" if brightness > 0.7 else "even"


def way_of(x: float, y: float) -> Way | None:
    """Where a step leads, None where it is too small; right and down are positive."""
    if max(abs(x), abs(y)) < STEP:
        return None
    if abs(x) >= abs(y):
        return "right" if x > 0 else "left"
    return "down" if y > 0 else "up"


class Scene:
    """Looks at one picture after another, five a second or so, and tells what happens."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque(maxlen=STEPS)
        self._spots: deque[Spot | None] = deque(maxlen=STEPS - 1)
        self._reference: Look | None = None
        self._before: Look | None = None
        self._suspected = 0.0
        self._unsettled = 0
        self._told: dict[tuple[Happens, Way | None], tuple[float, float]] = {}
        self._quiet_since = 0.0

    def step(self, now: Look, at: float) -> list[Happening]:
        """What this picture, taken at that time (s), shows to have happened."""
        if self._reference is None:
            self._reset(now, at)
            return [self._happening("start", now, at)]
        found = self._other_scene(now, at)
        if found is None:
            found = [] if self._before is not None else self._within(now, at)
        return found

    def _other_scene(self, now: Look, at: float) -> list[Happening] | None:
        """A cut, if one is sure now; None where this picture belongs to the scene as it was."""
        last = self._looks[-1]
        if self._before is None:
            if not differs(last, now):
                return None
            # One picture alone may be a flash: the next one tells.
            self._before, self._suspected, self._unsettled = last, at, 0
            self._looks.append(now)
            return []
        self._unsettled += 1
        if alike(self._before, now):
            self._before = None
            self._looks.append(now)
            return []
        if differs(last, now) and self._unsettled < FLASH:
            self._looks.append(now)
            return []
        began, self._before = self._suspected, None
        self._reset(now, at)
        return [self._happening("cut", now, began)]

    def _within(self, now: Look, at: float) -> list[Happening]:
        last, first, reference = self._looks[-1], self._looks[0], self._reference
        assert reference is not None
        self._looks.append(now)
        here = spot(last, now)
        flickers = self._flickers()
        lit = abs(now.brightness - last.brightness) > 0.02
        self._spots.append(None if lit or flickers else here)
        if flickers:
            self._quiet_since = at
            return self._once("flicker", now, at)
        if here is None or here.area < QUIET:
            return self._settled(reference, first, now, at)
        self._quiet_since = at
        moved = shift(first, now)
        if here.spread > WHOLE and is_pan(moved):
            # The scene goes on, with another part of it in the picture.
            self._reference = now
            return self._once("pan", now, at, way=way_of(-moved.x, -moved.y))
        if differs(reference, now):
            # On its way to another scene: that is told once it is there.
            return []
        return self._moving(now, at)

    def _settled(self, reference: Look, first: Look, now: Look, at: float) -> list[Happening]:
        """What has become of the scene, where nothing changes from this picture to the last."""
        if change(first, now).area > QUIET:
            return []
        if differs(reference, now):
            faded: Happens = "fade_out" if now.flat and light_of(now.brightness) == "black" else "fade"
            self._reset(now, at)
            return [self._happening(faded, now, at)]
        step = now.brightness - reference.brightness
        if abs(step) > LIGHTER:
            self._reset(now, at)
            return [self._happening("brighter" if step > 0 else "darker", now, at)]
        for_so_long = at - self._quiet_since
        if for_so_long >= QUIET_FOR:
            return self._once("still", now, at, seconds=for_so_long, again=60.0)
        return []

    def _moving(self, now: Look, at: float) -> list[Happening]:
        spots = [
            each
            for each in self._spots
            if each is not None and SMALLEST <= each.area <= LARGEST and each.spread < WHOLE
        ]
        if len(spots) < STEPS - 2:
            return []
        way = way_of(spots[-1].x - spots[0].x, spots[-1].y - spots[0].y)
        if way is None and (len(spots) < STEPS - 1 or self._moved(at)):
            return []
        where = {"x": spots[-1].x, "y": spots[-1].y}
        return self._once("moves" if way else "stirs", now, at, way=way, **where)

    def _moved(self, at: float) -> bool:
        """Whether something got somewhere just now: then it has not stopped for good."""
        return any(what == "moves" and at - seen < PAUSE for (what, _), (_, seen) in self._told.items())

    def _flickers(self) -> bool:
        """Whether the light as a whole goes up and down again and again."""
        levels = [each.brightness for each in self._looks]
        steps = [after - before for before, after in pairwise(levels)]
        turns = sum(one * other < 0 for one, other in pairwise(steps))
        return turns >= 3 and sum(abs(step) > FLICKERS for step in steps) >= 4

    def _once(
        self,
        what: Happens,
        now: Look,
        at: float,
        *,
        way: Way | None = None,
        again: float = AGAIN_AFTER,
        x: float = 0.5,
        y: float = 0.5,
        seconds: float = 0.0,
    ) -> list[Happening]:
        """Tells it, unless the same has gone on since it was told."""
        told, seen = self._told.get((what, way), (float("-inf"), float("-inf")))
        if at - seen < PAUSE and at - told < again:
            self._told[what, way] = (told, at)
            return []
        self._told[what, way] = (at, at)
        return [self._happening(what, now, at, way=way, x=x, y=y, seconds=seconds)]

    def _reset(self, now: Look, at: float) -> None:
        self._reference = now
        self._looks.clear()
        self._looks.append(now)
        self._spots.clear()
        self._told.clear()
        self._quiet_since = at

    def _happening(
        self,
        what: Happens,
        now: Look,
        at: float,
        *,
        way: Way | None = None,
        x: float = 0.5,
        y: float = 0.5,
        seconds: float = 0.0,
    ) -> Happening:
        return Happening(what, at, light_of(now.brightness), now.colour, way, x, y, seconds)


def differs(before: Look, after: Look) -> bool:
    """Whether the two are of different scenes, as far as no movement explains it."""
    found = change(before, after)
    if found.area < OTHER_AREA:
        return False
    if before.flat and after.flat:
        return found.histogram > OTHER_COLOURS
    other = (found.structure > OTHER_STRUCTURE and found.histogram > OTHER_COLOURS) or (
        found.structure > OTHER_PLACES
    )
    return other and shift(before, after).rest > EXPLAINED


def alike(before: Look, after: Look) -> bool:
    """Whether the two are of the same scene."""
    found = change(before, after)
    return found.structure < SAME_STRUCTURE and found.histogram < SAME_COLOURS


def is_pan(moved: Shift) -> bool:
    """Whether the picture as a whole moved, and far enough."""
    return moved.rest < EXPLAINED and way_of(moved.x, moved.y) is not None
