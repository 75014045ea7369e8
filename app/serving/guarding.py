"""What every service refuses before it looks at a request: other hosts' names, and other sites' pages.

A browser sends any page's requests to any address, this machine's included. A page whose name was made to
lead here (DNS rebinding) is found out by the Host that it asks for, and every other one by its Origin.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.catalog import CATALOG
from app.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK = ("127.0.0.1", "::1", "localhost")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@/\\\[\]]+)(:\d*)?")
MISDIRECTED = 421
FORBIDDEN = 403
LONGEST_SHOWN = 100


class Guard:
    """ASGI middleware: refuses requests and WebSockets for hosts that are not ours (421), and those by which
    another site's page would change something (403)."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self.app = app
        self.hosts = frozenset(hosts)
        self.origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may be asked, and answers everything else."""
        if scope["type"] in ("http", "websocket"):
            refusal = self.refusal(scope.get("method", "CONNECT"), Headers(scope=scope))
            if refusal is not None:
                await answer(*refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def refusal(self, method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and words where the request is refused; header names in lower case."""
        host = headers.get("host")
        # A browser names a host always; a program that speaks HTTP/1.0 need not.
        if host is not None and not is_ours(host, self.hosts):
            name = host_name(host) or host
            return MISDIRECTED, (
                f"this service does not answer to the host {name[:LONGEST_SHOWN]!r}; "
                "if that is a name of yours for it, add the name to ALLOWED_HOSTS"
            )
        if not is_from_this_page(method, headers, self.origins):
            return FORBIDDEN, (
                "refused: the request was sent by another site; "
                "if that is a site of yours, add it to ALLOWED_ORIGINS"
            )
        return None


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> ASGIApp:
    """What answers so, a WebSocket's handshake too."""
    response = Response(json.dumps({"detail": detail}), status, headers, "application/json")

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        await response(scope, receive, send)

    return answered


def is_ours(host: str, ours: Iterable[str]) -> bool:
    """Whether a Host header names this service: by an IP address, which no other name can lead to, or by
    one of `ours`, where `*.` stands for every name below another."""
    name = host_name(host)
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return any(name == each or (each[0] == "*" and name.endswith(each[1:])) for each in ours)
    return True


def host_name(host: str) -> str | None:
    """The name or address in a Host header, in lower case and without port; None for nonsense."""
    found = HOST.fullmatch(host)
    return found[1].strip("[]").rstrip(".").lower() if found else None


def is_from_this_page(method: str, headers: Mapping[str, str], origins: Iterable[str] = ()) -> bool:
    """Whether a request that changes something was sent by a page of this service or of one of the allowed
    `origins`, or by no browser at all.

    Browsers say where such a request comes from (Origin, Fetch Metadata); programs like curl don't.
    A WebSocket's handshake counts as one that changes something: browsers let any page open one.
    Header names in lower case.
    """
    if method in SAFE_METHODS:
        return True
    origin = headers.get("origin")
    if origin is not None and origin.lower() in origins:
        return True
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


def hosts(settings: Settings) -> frozenset[str]:
    """The names by which our services are reached: what the settings and the catalogue call them, and this
    machine's own name where they listen to its network."""
    names = {"localhost", "*.localhost", *(service.name for service in CATALOG), *settings.allowed_hosts}
    names |= {host for setting in places(settings) if (host := host_in(setting))}
    if settings.bind_address not in LOOPBACK:
        # Never with its domain: a network that one visits can give a machine that.
        own = socket.gethostname().partition(".")[0]
        names |= {own, f"{own}.local"}
    return frozenset(name.lower() for name in names if name)


def places(settings: Settings) -> Iterable[str]:
    """Every address that the settings have for one of our services."""
    yield settings.domain
    yield settings.media_public_host
    yield settings.bind_address
    for service in CATALOG:
        for variable, pattern in service.found_by:
            if "{host}" in pattern:
                value = getattr(settings, variable.lower())
                yield from value if isinstance(value, tuple) else (value,)


def host_in(place: str) -> str:
    """The host in an address, or the address where it is a host alone."""
    return (urlsplit(place).hostname or "") if "://" in place else place
