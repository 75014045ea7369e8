"""What everything that comes back by itself has in common, FrameProviders and others."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import time
from typing import ClassVar

import structlog

from app.backoff import Backoff
from app.commentary.frames.problem import Problem
from app.commentary.frames.provider import Frame, Health, Slot

GOOD_AFTER = 10.0
JITTER = 0.3

log = structlog.get_logger()


class Again(abc.ABC):
    """Does something time and again, with growing waits, until it is over for good."""

    final: ClassVar[frozenset[str]]
    """The kinds of problem after which it is not done any more."""

    def __init__(self, shown: str, first_wait: float, longest_wait: float) -> None:
        self._shown = shown
        self._backoff = Backoff(first_wait, longest_wait, JITTER)
        self._problem: Problem | None = None
        self._reconnects = 0
        self._heard = 0.0
        """When it was well last (time.monotonic())."""
        self._task: asyncio.Task[None] | None = None

    @abc.abstractmethod
    async def _once(self) -> Problem:
        """Does it until that ends; why it ended."""

    async def open(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._time_and_again())

    async def close(self) -> None:
        """Ends what goes on, and waits until it is gone."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._is_over()

    @abc.abstractmethod
    def _is_over(self) -> None:
        """Takes note that nothing comes any more."""

    async def _time_and_again(self) -> None:
        while True:
            began = time.monotonic()
            self._problem = await self._once()
            if self._problem.kind in self.final:
                self._is_over()
                return
            log.info("a source broke off", source=self._shown, reason=str(self._problem))
            if self._heard - began > GOOD_AFTER:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.next())
            self._reconnects += 1


class ComingBack(Again):
    """A FrameProvider that takes frames in time and again."""

    def __init__(self, shown: str, first_wait: float, longest_wait: float) -> None:
        super().__init__(shown, first_wait, longest_wait)
        self._slot = Slot()

    @abc.abstractmethod
    def _silence(self, seconds: float) -> str:
        """What to say where no frame has come for so long."""

    @property
    def latest(self) -> Frame | None:
        """The newest frame; None before the first."""
        return self._slot.latest

    async def newer(self, number: int) -> Frame | None:
        """The newest frame once it is newer than that number; None where no more will come."""
        return await self._slot.newer(number)

    @property
    def health(self) -> Health:
        """How it is with the source; where nothing comes any more that is told within FRESH seconds."""
        latest, problem = self._slot.latest, self._problem
        if problem is None and latest is not None and not self._slot.fresh:
            problem = Problem("timeout", self._silence(time.monotonic() - latest.arrived))
        return Health(
            healthy=problem is None and latest is not None,
            frames_per_second=self._slot.rate,
            problem=problem,
            ended=self._slot.ended,
            reconnects=self._reconnects,
        )

    def _is_over(self) -> None:
        self._slot.end()
