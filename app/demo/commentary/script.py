"""What happens in the demo's video, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import Literal

What = Literal["start", "cut", "moves", "fade", "text", "still"]
COLOURS = ("red", "blue", "green", "purple")
LEAD = 10.0
"""Seconds of the first scene, in which the stream is found."""
SCENE = 4.0
REST = 6.0
"""Seconds without news, after which something more is said of a scene."""
MOVE, FADE = 3.0, 2.0
SIGN = "STREET CLOSED"
"""The text that appears."""


@dataclass(frozen=True)
class Planted:
    """Something that happens: a cut to a scene of that colour, a thing that moves through it to the right, a
    fade to that colour, a text that appears, a scene in which nothing happens. It goes on from `at` for
    `seconds`; the scene stays for `rest` after that."""

    what: What
    colour: str
    at: float
    seconds: float
    rest: float

    @property
    def until(self) -> float:
        """When something else may begin."""
        return self.at + self.seconds + self.rest


def lay_out(rounds: int, cuts: int, still: float) -> list[Planted]:
    """A first scene, then rounds of so many quick cuts, a thing that moves, a fade, a text, and a scene that
    stays for `still` seconds."""
    happens: list[tuple[What, bool, float, float]] = [("start", True, 0.0, LEAD)]
    for _ in range(rounds):
        happens += [("cut", True, 0.0, SCENE)] * cuts
        happens += [("cut", True, 0.0, REST), ("moves", False, MOVE, REST), ("fade", True, FADE, REST)]
        happens += [("text", False, 0.0, REST)]
        happens += [("cut", True, 0.0, SCENE), ("still", False, still, 0.0)]
    planted, at = [], 0.0
    colours = cycle(COLOURS)
    colour = ""
    for what, new, seconds, rest in happens:
        colour = next(colours) if new else colour
        planted.append(Planted(what, colour, at, seconds, rest))
        at = planted[-1].until
    return planted
