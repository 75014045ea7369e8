"""What has to go on for as long as its service runs, whatever goes wrong in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from app.dubbing.backoff import Backoff

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0

log = structlog.get_logger()


async def lasting(what: str, run: Callable[[], Awaitable[None]], first_wait: float = FIRST_WAIT) -> None:
    """Runs it until cancelled: where it fails, that is logged, and it begins again after a wait in seconds.

    The wait doubles up to 30 s, and is the first one again after a run that lasted for as long.
    """
    backoff = Backoff(first_wait, LONGEST_WAIT)
    while True:
        began = time.monotonic()
        try:
            await run()
            log.error("ended, which it should not; beginning again", what=what)
        except Exception:
            log.exception("failed; beginning again", what=what)
        if time.monotonic() - began >= LONGEST_WAIT:
            backoff.reset()
        await asyncio.sleep(backoff.next())
