"""A connection of the Wyoming protocol: what it may announce, how long it may be silent, how many may be."""

from __future__ import annotations

import asyncio
import json
import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import structlog
from wyoming.error import Error
from wyoming.event import Event
from wyoming.server import AsyncEventHandler

from app.service import hide_credentials
from app.speech.rest import errors
from app.speech.rest.errors import ApiError

log = structlog.get_logger(__name__)

MOST_CLIENTS = 32
IDLE = 300.0
"""Seconds without an event, after which a client is taken for dead."""
STALLED = 30.0
"""Seconds in which a client takes an event, or is cut off."""
LARGEST_DATA = 64 * 1024
"""Bytes of an event's JSON: a text of 4096 characters, each escaped, is 49 kB."""
LARGEST_PAYLOAD = 2_000_000
"""Bytes of an event's sound: 20 s at 48 kHz; usual clients send a tenth of a second at a time."""
SHUT = (
    "asr and tts ask for a key here, which this protocol has none of: BIND_ADDRESS=127.0.0.1 or "
    "WYOMING_WITHOUT_KEYS=true opens it"
)
NO_EVENT = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OSError,
    asyncio.IncompleteReadError,
)
"""What comes of bytes that are no events, of an end in the middle of one, and of time that runs out."""


class Client(AsyncEventHandler):
    """One connection. What it can't do is told as an `error` event; what is no event ends it.

    `shut` says whether nobody may come, since the others need a key, which the protocol has no place for.

    `connected` are the server's clients: where they are too many, the one that has been silent longest gives
    way to the next.
    """

    def __init__(
        self,
        connected: set[Client],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        shut: Callable[[], bool],
    ) -> None:
        super().__init__(reader, writer)
        self.shut = shut
        self.connected = connected
        self.busy = False
        self.heard = time.monotonic()
        self.deadline = float("inf")
        """By time.monotonic: when what is being answered must be sent."""

    async def run(self) -> None:
        """Serves the client until it leaves, falls silent, or has to give way."""
        try:
            if self.shut():
                await self.write_event(Error(SHUT, "invalid_api_key").event())
                return
            if not make_room(self.connected):
                await self.write_event(Error("too many clients are connected", "overloaded").event())
                return
            self.connected.add(self)
            while (event := await self._next()) is not None:
                self.busy = True
                try:
                    if not await self.handle_event(event):
                        return
                finally:
                    self.busy, self.heard, self.deadline = False, time.monotonic(), float("inf")
        except NO_EVENT:
            log.info("a Wyoming client sent no event, fell silent, or left")
        finally:
            self.connected.discard(self)
            self.writer.close()

    async def _next(self) -> Event | None:
        try:
            async with asyncio.timeout(IDLE):
                return await read_event(self.reader)
        except ApiError as error:
            await self.write_event(Error(str(error), error.code).event())
            return None

    async def write_event(self, event: Event) -> None:
        """Sends an event. Where the client doesn't take it, cuts it off and raises ConnectionAbortedError."""
        try:
            async with asyncio.timeout(max(0.0, min(STALLED, self.deadline - time.monotonic()))):
                await super().write_event(event)
        except TimeoutError as error:
            self.cut()
            raise ConnectionAbortedError("the client does not read") from error

    def cut(self) -> None:
        """Ends the connection at once: closed in the usual way, it stays until the client has read all."""
        self.connected.discard(self)
        self.writer.transport.abort()

    async def handle_event(self, event: Event) -> bool:
        """Answers one event."""
        try:
            return await self.answer(event)
        except TimeoutError as error:
            told = errors.told(error)
        except NO_EVENT:
            raise
        except Exception as error:
            told = errors.told(error)
        await self.write_event(Error(hide_credentials(str(told)), told.code).event())
        return True

    @abstractmethod
    async def answer(self, event: Event) -> bool:
        """What the service does with an event; False ends the connection."""


def make_room(connected: set[Client]) -> bool:
    """Whether there is room for one more; cuts off the client that has been silent longest where need be."""
    if len(connected) < MOST_CLIENTS:
        return True
    silent = [client for client in connected if not client.busy]
    if not silent:
        return False
    min(silent, key=lambda client: client.heard).cut()
    return True


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """The next event, or None at the end. What it announces is looked at before any of it is read.

    Raises ApiError where that is too much, one of NO_EVENT where it is no event.
    """
    # The reader takes 64 kB for a line at most.
    line = await reader.readline()
    if not line:
        return None
    header = json.loads(line)
    kind, data = header["type"], header.get("data") or {}
    if not isinstance(kind, str):
        raise ValueError("an event's type is a text")
    if length := announced(header, "data_length", LARGEST_DATA):
        data = {**data, **json.loads(await reader.readexactly(length))}
    length = announced(header, "payload_length", LARGEST_PAYLOAD)
    return Event(kind, data, await reader.readexactly(length) if length else None)


def announced(header: dict[str, Any], name: str, most: int) -> int:
    """The bytes that an event says will follow. Raises ApiError where they are too many, or ValueError."""
    length = header.get(name)
    if length is None:
        return 0
    # Not isinstance: True is an int too.
    if type(length) is not int or length < 0:
        raise ValueError(f"{name} is a number of bytes")
    if length > most:
        raise ApiError(413, f"{name} is {length} bytes; send {most} at most in one event", "too_large")
    return length
