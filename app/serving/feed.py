"""Answers of server-sent events, as every service gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

SEND_WITHIN = 10.0

log = structlog.get_logger()


class Feed(EventSourceResponse):
    """An answer of server-sent events; a client that takes nothing for 10 s is let go."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], send_within: float = SEND_WITHIN) -> None:
        super().__init__(events, send_timeout=send_within)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the events until the client or the service goes."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("a listener took nothing any more and was let go")
