"""An engine's life: loaded at start or at first use, counted while in use, freed after idleness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import psutil
import structlog

from app.service import meanwhile
from app.speech.types import Engine

log = structlog.get_logger(__name__)

LOAD_AT_START = 500
"""Engines that need this many MB or more take many seconds to load, so they load at start; smaller ones
load within a second or two at the first request, and cost nothing until then (a choice)."""
CHECKS_A_TTL = 4

E = TypeVar("E", bound=Engine)


def resident_mb() -> float:
    """Memory of this process, in MB."""
    return float(psutil.Process().memory_info().rss) / 1e6


class Lifecycle(Generic[E]):
    """Owns one engine. Belongs to one event loop; loading and freeing happen in a worker thread."""

    def __init__(self, new: Callable[[], E], ttl: float) -> None:
        self._new = new
        self.engine = new()
        self.ttl = ttl
        self.loaded = False
        self.users = 0
        self.memory_mb = 0.0
        """How much the process grew when the engine was loaded, in MB."""
        self.loads = 0
        self._last_use = time.monotonic()
        self._changing = asyncio.Lock()
        self._loading: asyncio.Task[None] | None = None

    @property
    def eager(self) -> bool:
        """Whether it is loaded at start."""
        return self.engine.memory >= LOAD_AT_START

    async def load(self) -> None:
        """Loads the engine where it isn't. Raises EngineMissing."""
        if self.loaded and not self._changing.locked():
            return
        # A thread that loads can't be stopped: clients that leave must not end in a second load.
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load())
        await asyncio.shield(self._loading)

    async def _load(self) -> None:
        async with self._changing:
            if self.loaded:
                return
            before = resident_mb()
            await asyncio.to_thread(self.engine.load)
            self.memory_mb = max(0.0, resident_mb() - before)
            self.loaded, self.loads, self._last_use = True, self.loads + 1, time.monotonic()
            log.info("model loaded", engine=self.engine.name, memory_mb=round(self.memory_mb))

    @asynccontextmanager
    async def use(self) -> AsyncIterator[E]:
        """The loaded engine, which stays loaded until the end of the block. Raises EngineMissing."""
        self.users += 1
        try:
            await self.load()
            yield self.engine
        finally:
            self.users -= 1
            self._last_use = time.monotonic()

    async def unload(self) -> bool:
        """Frees the engine where nobody uses it; says whether it did."""
        async with self._changing:
            if not self.loaded or self.users:
                return False
            self.loaded = False
            engine, self.engine = self.engine, self._new()
            self.memory_mb = 0.0
            await asyncio.to_thread(engine.close)
            log.info("model freed", engine=engine.name)
            return True

    async def watch(self) -> None:
        """Frees the engine each time it has been idle for its `ttl`; runs until cancelled."""
        while self.ttl > 0:
            await asyncio.sleep(self.ttl / CHECKS_A_TTL)
            if self.loaded and not self.users and time.monotonic() - self._last_use >= self.ttl:
                await self.unload()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Watches the engine for the time of the block, then frees it."""
        try:
            async with meanwhile(self.watch()):
                yield
        finally:
            if self.loaded:
                await asyncio.to_thread(self.engine.close)
