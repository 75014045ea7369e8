"""Who is slowed down by a wrong password: the media server says whose connection it asks about, and is
believed; anybody else who asks is one client."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from contextlib import suppress

from app.access.links import USER
from app.dubbing.service.auth import API_USER, INTERNAL_USER, AccessRequest
from app.serving.throttle import network_of

LOOK_UP_EVERY = 5.0
LOOPBACK = ("127.0.0.1", "::1")


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
    if asked.user in (INTERNAL_USER, API_USER, USER) or (asked.protocol == "hls" and is_near(asked.ip)):
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
