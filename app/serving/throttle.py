"""Wrong passwords slow down whoever sends them, and nobody else."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import structlog

AT_ONCE = 10
"""Wrong passwords that a client may send in a row."""
EVERY = 6.0
"""Seconds after which it may send one more."""
MOST_CLIENTS = 4096
IPV6_NETWORK = 64

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


def network_of(ip: str) -> str:
    """The address, or the network of an IPv6 address: who has one has all of it."""
    with suppress(ValueError):
        address = ipaddress.ip_address(ip)
        if address.version == 6 and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
    return ip
