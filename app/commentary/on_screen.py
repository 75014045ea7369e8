"""The text on screen of one session: when it is looked for, and what of it is to be told."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from app.commentary.change import Look, change
from app.commentary.frames.provider import Frame
from app.commentary.reading import Reader
from app.commentary.texts import Texts
from app.speech.types import EngineMissing

APART, EVERY = 1.0, 4.0
"""Seconds between two looks: after a new scene, and within one."""
LEGIBLE = 0.008
"""Share of the picture that a text takes at least."""

log = structlog.get_logger()


class OnScreen:
    """Looks once in a new scene, and now and then where something has changed; one look at a time."""

    def __init__(self, reader: Reader | None) -> None:
        self._reader = reader
        self._texts = Texts()
        self._looking: asyncio.Task[None] | None = None
        self._new = False
        self._looked_at = float("-inf")
        self._look: Look | None = None

    @property
    def waiting(self) -> tuple[str, ...]:
        """What is there and has not been told."""
        return self._texts.waiting

    def told(self, texts: tuple[str, ...], at: float) -> None:
        """They have been told."""
        self._texts.told(texts, at)

    def new_scene(self) -> None:
        """Of the scene before nothing is told any more."""
        self._new, self._texts.waiting = True, ()

    def see(self, frame: Frame, seen: Look) -> None:
        """A picture; it is read where it may have other text than the last that was."""
        if self._reader is None or (self._looking is not None and not self._looking.done()):
            return
        if self._may_have_other(frame, seen):
            self._new, self._looked_at, self._look = False, frame.arrived, seen
            self._looking = asyncio.create_task(self._read(self._reader, frame))

    async def close(self) -> None:
        """Looks no more."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    def _may_have_other(self, frame: Frame, seen: Look) -> bool:
        since = frame.arrived - self._looked_at
        if self._new and since >= APART:
            return True
        return since >= EVERY and self._look is not None and change(self._look, seen).area > LEGIBLE

    async def _read(self, reader: Reader, frame: Frame) -> None:
        try:
            lines = await asyncio.to_thread(reader.read, frame.picture)
        except EngineMissing as problem:
            log.warning("text on screen is not read", reason=str(problem))
            self._reader = None
        except Exception:
            log.exception("text on screen could not be read")
        else:
            if not self._new:
                self._texts.seen(lines, frame.arrived)
