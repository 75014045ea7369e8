"""Which speech hosts there are now, and which of them each dub asks.

A fixed address is asked in its order, as the settings have it. A name with `dns+` before it stands for a
pool: each of its addresses is a host of its own, and the pool's hosts share the dubs.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from urllib.parse import urlsplit

import structlog

from app.service import Check
from app.settings.fields import POOL

LOOK_EVERY = 2.0
RESOLVED_WITHIN = 5.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Key = Hashable
log = structlog.get_logger(__name__)


def shared_out(hosts: Sequence[str], asks: Mapping[Key, str]) -> dict[Key, str]:
    """A host for each key, as even as can be: who has one that is still there moves only where another has
    two less. An empty host stands for none yet."""
    if not hosts:
        return {}
    given = {key: host if host in hosts else "" for key, host in asks.items()}
    load = Counter(dict.fromkeys(hosts, 0))
    load.update(host for host in given.values() if host)
    for key, host in given.items():
        if not host:
            given[key] = emptiest(hosts, load)
            load[given[key]] += 1
    while True:
        least, most = emptiest(hosts, load), max(hosts, key=lambda host: load[host])
        if load[most] - load[least] < 2:
            return given
        moves = next(key for key in reversed(given) if given[key] == most)
        given[moves] = least
        load[most] -= 1
        load[least] += 1


def emptiest(hosts: Sequence[str], load: Mapping[str, int]) -> str:
    """The host with the least to do, the first of several."""
    return min(hosts, key=lambda host: load[host])


def in_order(hosts: Sequence[str], first: str) -> tuple[str, ...]:
    """A dub's own host, and the one after it, which takes over where that is lost: two in all, for each
    holds a session."""
    at = hosts.index(first)
    return tuple(dict.fromkeys([first, hosts[(at + 1) % len(hosts)]]))


def at_address(url: str, address: str) -> str:
    """The WebSocket address of a name's host at an IP address."""
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


async def resolved(name: str, port: int) -> Sequence[str]:
    """Every IPv4 address of a name. Raises OSError."""
    loop = asyncio.get_running_loop()
    # One of a kind: a host with an address of IPv6 too would count twice.
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM, family=socket.AF_INET)
    return sorted({str(each[4][0]) for each in found}, key=ipaddress.ip_address)


class SpeechPool:
    """Knows the hosts of each entry of STS_URLS. `told` is called with a dub's key and its addresses, best
    first, where they become others.

    A name that can't be resolved, or that nobody has, changes nothing: hosts that answer are still asked.
    """

    def __init__(
        self,
        urls: Sequence[str],
        told: Callable[[Key, tuple[str, ...]], None],
        resolve: Resolve = resolved,
    ) -> None:
        self._urls = urls
        self._told = told
        self._resolve = resolve
        self._hosts: dict[str, tuple[str, ...]] = {
            url: () if url.startswith(POOL) else (url,) for url in urls
        }
        self._asks: dict[str, dict[Key, str]] = {url: {} for url in urls if url.startswith(POOL)}
        self._addresses: dict[Key, tuple[str, ...]] = {}
        self._problem = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of all hosts there are now; of a pool that is not known yet, its name."""
        found = [host for url in self._urls for host in self._hosts[url] or (url.removeprefix(POOL),)]
        return tuple(dict.fromkeys(found))

    def join(self, key: Key) -> tuple[str, ...]:
        """A dub begins: whom it asks, best first."""
        for asks in self._asks.values():
            asks.setdefault(key, "")
        self._addresses[key] = ()
        self._share_out(quiet=key)
        return self._addresses[key]

    def leave(self, key: Key) -> None:
        """A dub has ended; the others may share its host's time."""
        self._addresses.pop(key, None)
        for asks in self._asks.values():
            asks.pop(key, None)
        self._share_out()

    async def check(self) -> Check | None:
        """Whether the pool's hosts are known; None without a pool."""
        return Check(not self._problem, self._problem) if self._asks else None

    async def run(self) -> None:
        """Looks for hosts that come and go, until cancelled."""
        while self._asks:
            for url in self._asks:
                await self.look(url)
            await asyncio.sleep(LOOK_EVERY)
        await asyncio.Event().wait()

    async def look(self, url: str) -> None:
        """Looks at the hosts of one pool."""
        parts = urlsplit(url.removeprefix(POOL))
        name = parts.hostname or ""
        try:
            async with asyncio.timeout(RESOLVED_WITHIN):
                found = await self._resolve(name, parts.port or 0)
        except (OSError, TimeoutError) as error:
            self._trouble(f"{name}: no address is known ({error or 'no answer in time'})")
            return
        self._trouble("")
        hosts = tuple(at_address(parts.geturl(), each) for each in found)
        if hosts and hosts != self._hosts[url]:
            log.info("speech hosts of the pool", name=name, hosts=list(found))
            self._hosts[url] = hosts
            self._share_out()

    def _trouble(self, problem: str) -> None:
        if problem and problem != self._problem:
            log.warning("the pool's speech hosts can't be looked up", problem=problem)
        self._problem = problem

    def _share_out(self, quiet: Key | None = None) -> None:
        for url, asks in self._asks.items():
            asks.update(shared_out(self._hosts[url], asks))
        for key, before in list(self._addresses.items()):
            now = self._of(key)
            self._addresses[key] = now
            if now != before and key != quiet:
                self._told(key, now)

    def _of(self, key: Key) -> tuple[str, ...]:
        addresses: list[str] = []
        for url in self._urls:
            asks = self._asks.get(url)
            if asks is None:
                addresses.append(url)
            elif hosts := self._hosts[url]:
                addresses += in_order(hosts, asks[key])
            else:
                addresses.append(url.removeprefix(POOL))
        return tuple(dict.fromkeys(addresses))
