"""Wrong passwords slow down whoever sends them, and nobody else.

The media server says whose connection it asks about, and is believed; anybody else who asks is one client.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import structlog

from app.dubbing.service.auth import API_USER, INTERNAL_USER, AccessRequest

AT_ONCE = 10
"""Wrong passwords that a client may send in a row."""
EVERY = 6.0
"""Seconds after which it may send one more."""
MOST_CLIENTS = 4096
LOOK_UP_EVERY = 5.0
IPV6_NETWORK = 64
LOOPBACK = ("127.0.0.1", "::1")

log = structlog.get_logger(__name__)


class Throttle:
    """How many wrong passwords each client has left. Bounded: of too many the least recent is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_held_back(self, client: str) -> bool:
        """Whether the client has none left: what it sends is not looked at."""
        return self._used_by(client) > AT_ONCE - 1

    def wrong(self, client: str) -> None:
        """Counts a wrong password."""
        used = self._used_by(client) + 1
        self._used[client] = used, self._clock()
        self._used.move_to_end(client)
        if len(self._used) > MOST_CLIENTS:
            self._used.popitem(last=False)
        if self.is_held_back(client):
            log.warning("too many wrong passwords: held back", client=client, seconds=EVERY)

    def _used_by(self, client: str) -> float:
        used, at = self._used.get(client, (0.0, 0.0))
        return max(0.0, used - (self._clock() - at) / EVERY)


class MediaServers:
    """Which addresses the media server asks from: this machine, and where its host's name leads."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._known: frozenset[str] = frozenset(LOOPBACK)
        self._looked_up = -LOOK_UP_EVERY

    async def asks_from(self, peer: str) -> bool:
        """Whether that is one of them; its name is looked up anew where it is not, as containers move."""
        if peer not in self._known and time.monotonic() - self._looked_up >= LOOK_UP_EVERY:
            self._looked_up = time.monotonic()
            with suppress(OSError):
                found = await asyncio.get_running_loop().getaddrinfo(
                    self._host, None, type=socket.SOCK_STREAM
                )
                self._known = frozenset((*LOOPBACK, *(str(address[0]) for *_, address in found)))
        return peer in self._known


def client_of(asked: AccessRequest, peer: str, *, by_media_server: bool) -> str | None:
    """Who is slowed down by a wrong password in this question; None for nobody.

    Nobody for what our own programs ask, whose secrets cannot be guessed, and for video by way of the
    console, which all viewers have in common: there the media server's own pause has to do.
    """
    if not by_media_server:
        return network_of(peer)
    if asked.user in (INTERNAL_USER, API_USER) or (asked.protocol == "hls" and is_near(asked.ip)):
        return None
    return network_of(asked.ip)


def is_wrong(asked: AccessRequest) -> bool:
    """Whether a refused question was a guess: RTSP clients ask without credentials first."""
    return bool(asked.user or asked.password)


def is_near(ip: str) -> bool:
    """Whether that may be the console's address."""
    with suppress(ValueError):
        return ipaddress.ip_address(ip).is_private
    return False


def network_of(ip: str) -> str:
    """The address, or the network of an IPv6 address: who has one has all of it."""
    with suppress(ValueError):
        address = ipaddress.ip_address(ip)
        if address.version == 6 and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
    return ip
