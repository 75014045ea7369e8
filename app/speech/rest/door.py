"""Who gets in: bearer keys, and a bounded number of requests that run and that wait."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from app.speech.rest.errors import ApiError, answer


def allowed(header: str, keys: Sequence[SecretStr]) -> bool:
    """Whether an Authorization header carries one of the keys; compared in constant time."""
    scheme, _, given = header.partition(" ")
    offered = given.strip().encode() if scheme.lower() == "bearer" else b""
    results = [hmac.compare_digest(offered, key.get_secret_value().encode()) for key in keys]
    return any(results)


class Keys:
    """ASGI middleware: /v1 needs a key where API_KEYS has some. Nothing of a refused upload is read."""

    def __init__(self, app: ASGIApp, keys: Sequence[SecretStr]) -> None:
        self.app = app
        self.keys = tuple(keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 401."""
        if scope["type"] == "http" and self.keys and scope["path"].startswith("/v1"):
            header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            if not allowed(header, self.keys):
                refusal = ApiError(
                    401, "no valid API key; send `Authorization: Bearer <key>` with one of API_KEYS",
                    "invalid_api_key",
                )  # fmt: skip
                await answer(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


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
