"""What every service does with a client of a WebSocket that takes nothing in any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import WebSocketDisconnect

SEND_WITHIN = 10.0


@asynccontextmanager
async def sending() -> AsyncIterator[None]:
    """What is sent within the block, the client takes in within SEND_WITHIN seconds, or it counts as gone.

    Raises WebSocketDisconnect.
    """
    try:
        async with asyncio.timeout(SEND_WITHIN):
            yield
    except (TimeoutError, RuntimeError, OSError) as error:
        raise WebSocketDisconnect from error
