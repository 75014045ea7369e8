"""Writes speech down while it is spoken, over WhisperLive's protocol as `live` speaks it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.mic.live import END, Reader, Words, greeting, problem_in
from voicestack.asking import Problem, authorization, told

READY = "SERVER_READY"


class _Hearing:
    def __init__(self, url: str = "ws://127.0.0.1:9090", *, key: str = "", language: str = "en") -> None:
        self._address = f"{url.rstrip('/')}/"
        self._hello = greeting(language, "")
        self._options: dict[str, Any] = {"additional_headers": authorization(key), "compression": None}


class Live(_Hearing):
    """A client of live; `language` is what is spoken (ISO 639)."""

    def transcribe(self, sound: Iterable[bytes]) -> Iterator[Words]:
        """The words in sound that comes in pieces (int16 mono PCM, 16 kHz), as they are heard.

        Those that are not `final` may still change. The sound is sent by a thread. Raises Problem.
        """
        with told(self._address), connect(self._address, **self._options) as socket:
            socket.send(self._hello)
            reader, sending = Reader(), threading.Thread(target=_send, args=(socket, sound), daemon=True)
            for text in socket:
                message = _understood(text)
                if message.get("message") == READY:
                    sending.start()
                yield from reader.read(message.get("segments", []))


class AsyncLive(_Hearing):
    """The same for asyncio."""

    async def transcribe(self, sound: AsyncIterable[bytes]) -> AsyncIterator[Words]:
        """The words in sound that comes in pieces (int16 mono PCM, 16 kHz), as they are heard.

        Those that are not `final` may still change. Raises Problem.
        """
        with told(self._address):
            async with connect_async(self._address, **self._options) as socket:
                await socket.send(self._hello)

                async def send() -> None:
                    with suppress(ConnectionClosed):
                        async for piece in sound:
                            await socket.send(piece)
                        await socket.send(END)

                reader, sending = Reader(), None
                try:
                    async for text in socket:
                        message = _understood(text)
                        if message.get("message") == READY:
                            sending = asyncio.create_task(send())
                        for words in reader.read(message.get("segments", [])):
                            yield words
                finally:
                    if sending is not None:
                        sending.cancel()


def _send(socket: ClientConnection, sound: Iterable[bytes]) -> None:
    with suppress(ConnectionClosed):
        for piece in sound:
            socket.send(piece)
        socket.send(END)


def _understood(text: str | bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(text)
    if problem := problem_in(message):
        raise Problem(problem)
    return message
