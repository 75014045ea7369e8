"""Knows which streams are published.

A hook of the media server is news, never truth: it makes the watcher look at the control API at
once, so that a hook that anybody sends starts nothing. Without one the watcher looks every second,
so that a lost hook costs one second at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from app.dubbing.service import paths
from app.dubbing.service.media_api import MediaPath, MediaUnreachable
from app.lasting import Failures

INTERVAL = 1.0
SHORTEST_INTERVAL = 0.05
LONGEST_FAILURE = 5.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Publisher:
    """Who publishes a stream: since when (Unix time), over what, and with which tracks."""

    name: str
    since: float
    source_type: str
    tracks: tuple[str, ...]


class Paths(Protocol):
    """Where the watcher looks."""

    async def paths(self) -> list[MediaPath]:
        """All paths of the media server. Raises MediaUnreachable."""


def publishers(found: Iterable[MediaPath]) -> dict[str, Publisher]:
    """The publishers that are ready on paths live/<name>, by name."""
    ready = {}
    for path in found:
        name = paths.live_name(path.name)
        if name is None or not path.ready:
            continue
        ready[name] = Publisher(
            name=name,
            since=path.ready_time.timestamp() if path.ready_time else 0.0,
            source_type=path.source.type if path.source else "",
            tracks=tuple(path.tracks),
        )
    return ready


class Watcher:
    """Tells `seen` every publisher there is, each second and after each hook.

    While the media server is out of reach nothing is told: its silence does not say that the
    publishers are gone, and the workers see for themselves. `problem` says it instead. `looked` is set
    once the first ones have been told.
    """

    def __init__(
        self, media: Paths, seen: Callable[[dict[str, Publisher]], None], interval: float = INTERVAL
    ) -> None:
        self._media = media
        self._seen = seen
        self._interval = interval
        self._news = asyncio.Event()
        self._failures = Failures(SHORTEST_INTERVAL, LONGEST_FAILURE)
        self.problem = ""
        self.looked = asyncio.Event()

    def look_now(self) -> None:
        """There was a hook: look at once, and again if a look is under way."""
        self._news.set()

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            self._news.clear()
            wait = SHORTEST_INTERVAL
            try:
                await self._look()
            except Exception as error:
                # Whatever it was: nobody else sees that a stream begins or ends.
                log.exception("looking for publishers failed")
                self.problem = f"looking for publishers failed: {type(error).__name__}"
                wait = self._failures.next()
            await asyncio.sleep(wait)
            try:
                async with asyncio.timeout(self._interval - SHORTEST_INTERVAL):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        try:
            found = await self._media.paths()
        except MediaUnreachable as error:
            if not self.problem:
                log.warning("media server out of reach, trying on", problem=str(error))
            self.problem = str(error)
            return
        if self.problem:
            log.info("media server is back")
        self.problem = ""
        self._seen(publishers(found))
        self.looked.set()
