"""A call's events for whoever listens: one bounded log that each listener reads at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.sales.messages import Channel, Event, PartialEvent, StateEvent

LOG = 5000
BEFORE = 500_000_000
"""After this number the events of a call of before a restart begin: no listener has one of them yet."""


@dataclass(frozen=True)
class Entry:
    """An event as JSON, with its number in the log; what is being said has none, it is not kept."""

    number: int | None
    data: str


class EventLog:
    """The events of one call.

    A listener is a place in the log, not a queue: one that is slow costs nothing and holds nobody up,
    and one that is so slow that the log has moved on goes on from its oldest entry. Of what is being
    said only the newest of each channel is told. The numbers of its entries begin after `after`.
    """

    def __init__(self, size: int = LOG, after: int = 0) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._last = after
        self._partials: dict[Channel, tuple[int, str]] = {}
        self._changes = 0
        self._closed = False
        self._news = asyncio.Event()
        self.listeners = 0

    def tell(self, event: Event) -> None:
        """Gives the event to all listeners."""
        self._changes += 1
        if isinstance(event, PartialEvent):
            self._partials[event.channel] = (self._changes, event.model_dump_json())
        else:
            self._last += 1
            self._entries.append(Entry(self._last, event.model_dump_json()))
        self._wake()

    def close(self) -> None:
        """Lets every listener finish once it has all events."""
        self._closed = True
        self._wake()

    def after(self, number: int) -> list[Entry]:
        """The entries after that number that are still kept."""
        missing = self._last - number
        if missing <= 0:
            return []
        return [entry for entry in list(self._entries)[-missing:] if (entry.number or 0) > number]

    async def follow(self, number: int, now: StateEvent) -> AsyncIterator[Entry]:
        """The call's state, everything after that number, then every event as it happens.

        Ends when the log is closed.
        """
        told = self._changes
        yield Entry(None, now.model_dump_json())
        if number > self._last:
            # No number that was given out here.
            number = 0
        while True:
            news = self._news
            for entry in self.after(number):
                number = entry.number or number
                yield entry
            seen, told = told, self._changes
            for change, data in list(self._partials.values()):
                if change > seen:
                    yield Entry(None, data)
            if number >= self._last and told == self._changes:
                if self._closed:
                    return
                await news.wait()

    def _wake(self) -> None:
        # A fresh event each time: no listener can miss one between looking and waiting.
        news, self._news = self._news, asyncio.Event()
        news.set()
