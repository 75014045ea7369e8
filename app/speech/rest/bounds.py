"""What a request may keep busy: its body is bounded in size and time, and so is the sending of its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import AsyncExitStack
from typing import Any

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.speech.rest.arrival import paced
from app.speech.rest.errors import ApiError, answer

log = structlog.get_logger(__name__)

LARGEST_BODY = 256 * 1024
"""Bytes of a body that is no upload: twice 4096 characters, each escaped as JSON allows, are 100 kB."""
STALLED = 30.0
"""Seconds in which a client takes a piece of the answer, or is cut off (a choice)."""
PIECE = 64 * 1024
"""Bytes: what is played as it comes takes one in 11 s at the lowest bit rate, and uvicorn buffers as much."""


class Stalled(Exception):
    """The client does not read its answer."""


class Bounds:
    """ASGI middleware for /v1; the paths in `uploads` read their bodies themselves."""

    def __init__(self, app: ASGIApp, deadline: float, uploads: Collection[str]) -> None:
        self.app = app
        self.deadline = deadline
        self.uploads = frozenset(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on with its body; answers 408 or 413, and cuts off who doesn't read."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1"):
            await self.app(scope, receive, send)
            return
        deadline = time.monotonic() + self.deadline
        bounded = sending(send, deadline)
        try:
            try:
                ready = receive if scope["path"] in self.uploads else await read(scope, receive, deadline)
            except ApiError as refusal:
                await answer(refusal)(scope, receive, bounded)
                return
            await self.app(scope, ready, bounded)
        except Stalled:
            log.info("a client did not read its answer and was cut off", path=scope["path"])
            await cut(receive)


def sending(send: Send, deadline: float) -> Send:
    """`send` in pieces, each of which has its time. Raises Stalled."""

    async def bounded(message: Message) -> None:
        for piece in pieces(message):
            try:
                async with asyncio.timeout(max(0.0, min(STALLED, deadline - time.monotonic()))):
                    await send(piece)
            except TimeoutError as error:
                raise Stalled from error

    return bounded


def pieces(message: Message) -> list[Message]:
    """A message as several whose bodies are small."""
    body = message.get("body", b"")
    if len(body) <= PIECE:
        return [message]
    parts = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    more = message.get("more_body", False)
    return [
        {**message, "body": part, "more_body": more or number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]


async def read(scope: Scope, receive: Receive, deadline: float) -> Receive:
    """Reads the body; returns what gives it once, and then what comes after. Raises ApiError 408 and 413."""
    if not {b"content-length", b"transfer-encoding"} & {name for name, _ in scope["headers"]}:
        return receive
    content = bytearray()
    async for chunk in paced(body(receive), deadline):
        content += chunk
        if len(content) > LARGEST_BODY:
            raise ApiError(413, f"the body is larger than {LARGEST_BODY // 1024} kB", "too_large")
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(content), "more_body": False}

    return replay


async def body(receive: Receive) -> AsyncIterator[bytes]:
    """The body's chunks. Raises ApiError where it breaks off."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "the request broke off", "incomplete")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def cut(receive: Receive) -> None:
    """Ends the connection at once: closed in the usual way, it stays until the client has read the rest."""
    # uvicorn gives no way to do so but the transport of the object whose method `receive` is.
    transport: Any = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class Streamed(StreamingResponse):
    """An answer in parts; `kept` is closed when it ends, however it ends, and even where it never began."""

    def __init__(self, parts: AsyncGenerator[Any, None], kept: AsyncExitStack, **options: Any) -> None:
        super().__init__(parts, **options)
        self._parts = parts
        self._kept = kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the parts."""
        async with self._kept:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._parts.aclose()
