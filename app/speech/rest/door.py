"""Who gets in: bearer keys, and a bounded number of requests that run and that wait."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.gate import Gate, NotAdmitted
from app.serving.guarding import SAFE_METHODS
from app.speech.rest.errors import ApiError, answer

CODES = {401: "invalid_api_key", 403: "insufficient_permissions", 503: "overloaded"}


class Keys:
    """ASGI middleware: /v1 needs a key where there are any. Nothing of a refused upload is read.

    Each answer has an id, which OpenAI's clients ask for (`x-request-id`).
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 401, or 403 where the key is for something else."""
        if scope["type"] == "http" and scope["path"].startswith("/v1"):
            send = numbered(send)
            header = Headers(scope=scope).get("authorization", "")
            try:
                await self.gate.admit([header], changes=scope["method"] not in SAFE_METHODS)
            except NotAdmitted as refusal:
                told = ApiError(refusal.status, str(refusal), CODES[refusal.status])
                await answer(told)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def numbered(send: Send) -> Send:
    """Sends an answer with an id that no other has."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["x-request-id"] = f"req_{secrets.token_hex(16)}"
        await send(message)

    return sent


class Turnstile:
    """At most `running` requests at work, at most `waiting` more inside; others are refused at once."""

    def __init__(self, running: int, waiting: int) -> None:
        self.most = running + waiting
        self.inside = 0
        self.running = 0
        self.refused = 0
        self._free = asyncio.Semaphore(running)

    def check(self) -> None:
        """Raises ApiError 503 where it is full, for those who would upload in vain."""
        if self.inside >= self.most:
            self.refused += 1
            raise ApiError(503, "too many requests are waiting; try again in a moment", "overloaded")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Counts a request in, once all of it is there, to its end. Raises ApiError 503 where it is full."""
        self.check()
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and holds it."""
        async with self._free:
            self.running += 1
            try:
                yield
            finally:
                self.running -= 1
