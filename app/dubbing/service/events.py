"""News for whoever listens: a bounded queue a listener, so that a slow one slows nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

Kind = Literal["streams", "phrase", "caption", "missed"]
QUEUE = 256


@dataclass(frozen=True)
class News:
    """One event: what kind, of which stream and language (empty: of all), and its document."""

    kind: Kind
    document: BaseModel
    data: str
    stream: str = ""
    language: str = ""


class Missed(BaseModel):
    """How many events a slow listener lost, the oldest ones first."""

    count: int


Wanted = Callable[[News], bool]


class Listener:
    """One listener's queue. Of `streams` only the newest is kept: each tells everything."""

    def __init__(self, wanted: Wanted, size: int = QUEUE) -> None:
        self._wanted = wanted
        self._waiting: deque[News] = deque()
        self._size = size
        self._missed = 0
        self._arrived = asyncio.Event()

    def put(self, news: News) -> None:
        """Takes the news in where it is wanted; drops the oldest, and counts it, where it is full."""
        if not self._wanted(news):
            return
        if news.kind == "streams":
            self._waiting = deque(other for other in self._waiting if other.kind != "streams")
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(news)
        self._arrived.set()

    async def next(self) -> News:
        """The oldest news, waiting for it; `missed` comes first where some was dropped."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        if self._missed:
            missed, self._missed = Missed(count=self._missed), 0
            return News("missed", missed, missed.model_dump_json())
        return self._waiting.popleft()


class Hub:
    """Hands news to every listener."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @contextmanager
    def listen(self, wanted: Wanted, size: int = QUEUE) -> Iterator[Listener]:
        """A listener for as long as the context lasts."""
        listener = Listener(wanted, size)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def tell(self, kind: Kind, document: BaseModel, stream: str = "", language: str = "") -> None:
        """Gives the news to all listeners."""
        if not self._listeners:
            return
        news = News(kind, document, document.model_dump_json(), stream, language)
        for listener in self._listeners:
            listener.put(news)
