"""Who puts into words what is seen: one protocol, and the describer that needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.commentary import wording
from app.commentary.frames.provider import Frame
from app.commentary.scene import Happening


@dataclass(frozen=True)
class Seen:
    """What a describer is given: what happened, the frames that show it (oldest first, the last is now), what
    it is asked for, what was said before (oldest first), and whether there is little time to say it."""

    happened: Happening
    frames: Sequence[Frame]
    prompt: str
    instruction: str
    language: str
    said: Sequence[str]
    brief: bool = False


class CannotDescribe(Exception):
    """A describer has no usable answer. The message says why, for people."""


class Describer(Protocol):
    """Puts into words what is seen."""

    name: str

    async def describe(self, seen: Seen) -> str:
        """A sentence or two, or nothing where that is best. Raises CannotDescribe."""


class SceneDescriber:
    """Tells what is measured, in plain English: it needs no model, and invents nothing."""

    name = "scene"

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}

    async def describe(self, seen: Seen) -> str:
        """A sentence about what happened."""
        turn = self._turns.get(seen.happened.what, 0)
        self._turns[seen.happened.what] = turn + 1
        return wording.sentence(seen.happened, turn, seen.brief)
