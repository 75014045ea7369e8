"""The server-sent events: the feed of everything, and a dub's captions at the time they are shown."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable

import structlog
from sse_starlette import ServerSentEvent

from app.dubbing.service import views
from app.dubbing.service.events import Hub, News
from app.dubbing.service.streams import Streams

INTERVAL = 1.0
SHORTEST_INTERVAL = 0.2
REPLAY = 30.0
PENDING = 500

log = structlog.get_logger()


async def tell_streams(streams: Streams, hub: Hub) -> None:
    """Tells the document of all streams each second, and within 0.2 s of a change, until cancelled."""
    while True:
        streams.changed.clear()
        if hub.listeners:
            hub.tell("streams", streams.view())
        await asyncio.sleep(SHORTEST_INTERVAL)
        try:
            async with asyncio.timeout(INTERVAL - SHORTEST_INTERVAL):
                await streams.changed.wait()
        except TimeoutError:
            pass


async def everything(streams: Streams, hub: Hub) -> AsyncIterator[ServerSentEvent]:
    """Events `streams`, `phrase`, `caption` and `missed`; begins with the streams as they are."""
    with hub.listen(lambda _: True) as listener:
        yield ServerSentEvent(event="streams", data=streams.view().model_dump_json())
        while True:
            news = await listener.next()
            yield ServerSentEvent(event=news.kind, data=news.data)


async def captions(
    streams: Streams, hub: Hub, name: str, language: str, now: Callable[[], float] = time.time
) -> AsyncIterator[ServerSentEvent]:
    """Events `caption`, each when its sound leaves the output; begins with those of the last 30 s."""

    def wanted(news: News) -> bool:
        return news.kind == "caption" and (news.stream, news.language) == (name, language)

    with hub.listen(wanted) as listener:
        pending = CaptionQueue()
        for caption in streams.dub(name, language).captions:
            if caption.shown_at > now() - REPLAY:
                pending.add(caption)
        while True:
            for caption in pending.due(now()):
                yield ServerSentEvent(event="caption", data=caption.model_dump_json())
            try:
                async with asyncio.timeout(pending.wait(now())):
                    news = await listener.next()
            except TimeoutError:
                continue
            if isinstance(news.document, views.Caption):
                pending.add(news.document)


class CaptionQueue:
    """Captions that wait for their time; a later one of the same phrase takes the place of an earlier."""

    def __init__(self, size: int = PENDING) -> None:
        self._size = size
        self._order: list[tuple[float, int]] = []
        self._captions: dict[int, views.Caption] = {}

    def add(self, caption: views.Caption) -> None:
        """Takes a caption in; one too many pushes out the one that is due first."""
        self._captions[caption.id] = caption
        heapq.heappush(self._order, (caption.shown_at, caption.id))
        while len(self._order) > self._size:
            self._pop()

    def due(self, now: float) -> list[views.Caption]:
        """Takes out the captions whose time (Unix) has come, in their order."""
        found = []
        while self._order and self._order[0][0] <= now:
            caption = self._pop()
            if caption is not None:
                found.append(caption)
        return found

    def wait(self, now: float) -> float | None:
        """Seconds until the next is due, None where none waits."""
        return max(0.0, self._order[0][0] - now) if self._order else None

    def _pop(self) -> views.Caption | None:
        shown_at, id = heapq.heappop(self._order)
        caption = self._captions.get(id)
        # An entry whose caption was replaced by one of another time stands for nothing.
        if caption is None or caption.shown_at != shown_at:
            return None
        return self._captions.pop(id)
