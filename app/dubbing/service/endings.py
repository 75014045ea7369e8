"""Processes that have been told to end, until they have."""

from __future__ import annotations

import asyncio
from typing import Any

from app.dubbing.service.workers import Keeper


class Endings:
    """Those of one service part; whoever closes waits for all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def stop(self, keeper: Keeper[Any] | None) -> asyncio.Task[None] | None:
        """Ends what it keeps; the task is over when that has ended, None where nothing runs."""
        task = keeper.stop() if keeper is not None else None
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return task

    async def over(self) -> None:
        """Waits until all have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)
