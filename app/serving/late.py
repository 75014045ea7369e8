"""A WebSocket whose code is loaded with its first client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import WebSocket

Talk = Callable[[WebSocket], Awaitable[None]]


class LateSocket:
    """Talks to clients with what `load` gives; that is called with the first of them, in a thread of its own.

    For what takes long to load and few come for: the service is there the sooner, and needs less memory.
    """

    def __init__(self, load: Callable[[], Talk]) -> None:
        self._load = load
        self._loading = asyncio.Lock()
        self._loaded: Talk | None = None

    async def talk(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its close."""
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
        await self._loaded(socket)
