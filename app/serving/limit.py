"""Requests may be so large and no larger: what is read whole into memory is bounded."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 * 1024


class BodyLimit:
    """ASGI middleware: a request with more than MAX_BODY bytes answers 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, counting what comes in, whatever length it announces."""
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise HTTPException(413, f"the request is larger than {MAX_BODY} bytes")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)
