"""What many want to know and few may ask: asked for once in a while, however many want it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Known = TypeVar("Known")


class Fresh(Generic[Known]):
    """What `ask` gives, not older than `seconds`; those who want it meanwhile wait for the same answer."""

    def __init__(self, ask: Callable[[], Awaitable[Known]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._asking: asyncio.Task[Known] | None = None
        self._until = 0.0

    async def get(self) -> Known:
        """The answer. Raises what `ask` raises."""
        asking = self._asking
        if asking is None or (asking.done() and time.monotonic() >= self._until):
            asking = self._asking = asyncio.create_task(self._asked())
        # Somebody who leaves ends it for nobody else.
        return await asyncio.shield(asking)

    async def _asked(self) -> Known:
        found = await self._ask()
        self._until = time.monotonic() + self._seconds
        return found
