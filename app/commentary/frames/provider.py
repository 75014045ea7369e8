"""What a source of pictures is to those who look at them; they do not know which one it is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.commentary.frames.problem import Problem

Picture = npt.NDArray[np.uint8]
"""Red, green, blue; of shape (height, width, 3)."""
FRESH, PAUSE = 2.5, 1.0
"""Seconds after which the latest frame says nothing about now, and that are a pause between two."""


@dataclass(frozen=True)
class Frame:
    """One picture. `arrived` is when it came (time.monotonic()), `position` where in its source it lies (s).

    `number` grows by one with each frame of a provider.
    """

    number: int
    picture: Picture
    arrived: float
    position: float


@dataclass(frozen=True)
class Health:
    """How it is with a source: whether pictures come now, how many a second, and what is wrong.

    `ended` says that no more will come.
    """

    healthy: bool
    frames_per_second: float
    problem: Problem | None
    ended: bool = False
    reconnects: int = 0


class FrameProvider(Protocol):
    """A source of pictures. It keeps the latest frame alone, and comes back by itself where it was lost."""

    async def open(self) -> None:
        """Begins to take frames in; what is wrong with the source is told by `health`."""

    @property
    def latest(self) -> Frame | None:
        """The newest frame; None before the first."""

    async def newer(self, number: int) -> Frame | None:
        """The newest frame once its number is greater than that one; None where no more will come."""

    @property
    def health(self) -> Health:
        """How it is with the source."""

    async def close(self) -> None:
        """Ends everything that `open` began."""


class Slot:
    """The latest frame, for providers: put in as it comes, waited for by one or many."""

    def __init__(self) -> None:
        self.latest: Frame | None = None
        self.ended = False
        self._interval = 0.0
        self._news = asyncio.Event()

    def put(self, picture: Picture, position: float) -> None:
        """A new frame has come."""
        now = time.monotonic()
        last = self.latest
        if last is not None:
            interval = min(now - last.arrived, PAUSE)
            # Smoothed over about ten frames, which may come in bursts; a pause counts at once.
            mean = self._interval + (interval - self._interval) * 0.1 if self._interval else interval
            self._interval = interval if interval == PAUSE else mean
        self.latest = Frame((last.number if last else 0) + 1, picture, now, position)
        self._tell()

    def end(self) -> None:
        """No more frames will come."""
        self.ended = True
        self._tell()

    @property
    def fresh(self) -> bool:
        """Whether the latest frame shows what is there now."""
        return self.latest is not None and time.monotonic() - self.latest.arrived < FRESH

    @property
    def rate(self) -> float:
        """Frames a second at present; 0 where none come."""
        return round(1.0 / self._interval, 1) if self.fresh and self._interval else 0.0

    async def newer(self, number: int) -> Frame | None:
        """The latest frame once it is newer than that number; None at the end."""
        while not self.ended:
            if self.latest is not None and self.latest.number > number:
                return self.latest
            await self._news.wait()
        return None

    def _tell(self) -> None:
        # A fresh event each time: nobody can miss one between looking and waiting.
        news, self._news = self._news, asyncio.Event()
        news.set()
