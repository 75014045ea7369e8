"""Requests from one address of the world come so fast and no faster.

Addresses of this machine and of private networks are ours, or our services': they are not counted. Neither is
who watches, as a whole office does from one address.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.serving.guarding import answer
from app.serving.throttle import MOST_CLIENTS, network_of

AT_ONCE = 400
"""Requests that a network may make at once."""
A_SECOND = 50.0
"""And so many a second in the long run."""
WATCHING = ("/hls/", "/all/", "/health")


class Rates:
    """How many requests each network has left. Bounded: of too many the least recent is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def ask(self, client: str) -> float:
        """Counts a request; the seconds to wait where there are too many, else 0."""
        now = self._clock()
        used, at = self._used.get(client, (0.0, now))
        used = max(0.0, used - (now - at) * A_SECOND)
        if used > AT_ONCE - 1:
            return (used - AT_ONCE + 1) / A_SECOND
        self._used[client] = used + 1, now
        self._used.move_to_end(client)
        if len(self._used) > MOST_CLIENTS:
            self._used.popitem(last=False)
        return 0.0


class RateLimit:
    """ASGI middleware: a request too many answers 429, with Retry-After, and is looked at no further."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or says when to come again."""
        client = scope.get("client")
        if scope["type"] in ("http", "websocket") and client and is_of_the_world(client[0]):
            wait = 0.0 if scope["path"].startswith(WATCHING) else self._rates.ask(network_of(client[0]))
            if wait:
                told = f"too many requests from your address: at most {A_SECOND:g} a second"
                await answer(429, told, {"retry-after": str(math.ceil(wait))})(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_of_the_world(ip: str) -> bool:
    """Whether that is an address that anybody may have."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (mapped or address).is_global
