"""What has to go on for as long as its service runs, whatever goes wrong in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from app.backoff import Backoff

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
FORGIVEN_AFTER = 60.0

log = structlog.get_logger()


class Failures:
    """The waits in seconds after failures that nobody foresaw.

    They double up to `longest`, and start anew once there was none for a minute.
    """

    def __init__(self, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> None:
        self._backoff = Backoff(first, longest)
        self._last = 0.0

    def next(self) -> float:
        """The wait after a failure now."""
        now = time.monotonic()
        if now - self._last >= FORGIVEN_AFTER:
            self._backoff.reset()
        self._last = now
        return self._backoff.next()


async def regularly(look: Callable[[], Awaitable[object]], seconds: float, *, needed: bool) -> None:
    """Looks again and again, so many seconds apart, until cancelled; only waits where that is not needed."""
    while needed:
        await look()
        await asyncio.sleep(seconds)
    await asyncio.Event().wait()


async def lasting(what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs it until cancelled: where it fails or ends, that is logged, and it begins again after a wait."""
    failures = Failures()
    while True:
        try:
            await run()
            log.error("it ended, which it should not; it begins again", what=what)
        except Exception:
            log.exception("it failed; it begins again", what=what)
        await asyncio.sleep(failures.next())
