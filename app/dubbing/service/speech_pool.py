"""Which speech hosts there are now, and which of them each dub asks.

A fixed address is asked in its order, as the settings have it. A name with `dns+` before it stands for hosts
of a pool: each of its addresses is a host of its own, and the pool's hosts share the dubs.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from urllib.parse import urlsplit

import structlog

from app.lasting import regularly
from app.service import Check
from app.settings.fields import POOL

LOOK_EVERY = 2.0
RESOLVED_WITHIN = 5.0
ANSWERED_WITHIN = 2.0
SILENT = 3
"""So many times in a row a host must not answer before the others share its dubs."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Answers = Callable[[str], Awaitable[bool]]
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


async def well(host: str) -> bool:
    """Whether something takes connections at a host's WebSocket address."""
    parts = urlsplit(host)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWERED_WITHIN):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            writer.close()
            return True
    return False


class SpeechPool:
    """Knows the hosts of STS_URLS. `told` is called with a dub's key and its addresses, best first, where
    they become others; `answers` says whether a host does.

    All names with `dns+` are one pool. A name that can't be resolved, or that nobody has, changes nothing:
    hosts that answer are still asked. Those that have stopped answering have no part in it; where none
    answers, all do.
    """

    def __init__(
        self,
        urls: Sequence[str],
        told: Callable[[Key, tuple[str, ...]], None],
        resolve: Resolve = resolved,
        answers: Answers = well,
    ) -> None:
        self._urls = urls
        self._told = told
        self._resolve = resolve
        self._answers = answers
        self._found: dict[str, tuple[str, ...]] = {url: () for url in urls if url.startswith(POOL)}
        self._silent: Counter[str] = Counter()
        self._sharing: tuple[str, ...] = ()
        self._asks: dict[Key, str] = {}
        self._addresses: dict[Key, tuple[str, ...]] = {}
        self._problems: dict[str, str] = {}

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of all hosts there are now; of a name that is not known yet, the name."""
        return tuple(
            dict.fromkeys(
                host for url in self._urls for host in self._found.get(url) or (url.removeprefix(POOL),)
            )
        )

    def join(self, key: Key) -> tuple[str, ...]:
        """A dub begins: whom it asks, best first."""
        self._asks.setdefault(key, "")
        self._addresses[key] = ()
        self._share_out(quiet=key)
        return self._addresses[key]

    def leave(self, key: Key) -> None:
        """A dub has ended; the others may share its host's time."""
        self._asks.pop(key, None)
        self._addresses.pop(key, None)
        self._share_out()

    async def check(self) -> Check | None:
        """Whether the pool's hosts are known; None without a pool."""
        problems = "; ".join(problem for problem in self._problems.values() if problem)
        return Check(not problems, problems) if self._found else None

    async def run(self) -> None:
        """Looks for hosts that come and go, until cancelled."""
        await regularly(self.look, LOOK_EVERY, needed=bool(self._found))

    async def look(self) -> None:
        """Looks at the hosts there are, and which of them answer."""
        await asyncio.gather(*(self._look_up(url) for url in self._found))
        every = tuple(dict.fromkeys(host for hosts in self._found.values() for host in hosts))
        answer = await asyncio.gather(*(self._answers(host) for host in every))
        before, self._silent = self._silent, Counter()
        for host, is_well in zip(every, answer, strict=True):
            # One that is new has to answer first.
            silent = before.get(host, SILENT if host not in self._sharing else 0)
            self._silent[host] = 0 if is_well else silent + 1
        sharing = tuple(host for host in every if self._silent[host] < SILENT) or every
        if sharing != self._sharing:
            log.info("speech hosts of the pool", hosts=list(sharing))
            self._sharing = sharing
            self._share_out()

    async def _look_up(self, url: str) -> None:
        parts = urlsplit(url.removeprefix(POOL))
        name, problem = parts.hostname or "", ""
        try:
            async with asyncio.timeout(RESOLVED_WITHIN):
                found = await self._resolve(name, parts.port or 0)
            if found:
                self._found[url] = tuple(at_address(parts.geturl(), each) for each in found)
        except (OSError, TimeoutError) as error:
            problem = f"{name}: no address is known ({error or 'no answer in time'})"
        if problem and problem != self._problems.get(url):
            log.warning("speech hosts of the pool can't be looked up", problem=problem)
        self._problems[url] = problem

    def _share_out(self, quiet: Key | None = None) -> None:
        self._asks.update(shared_out(self._sharing, self._asks))
        for key in list(self._addresses):
            before, now = self._addresses[key], self._of(key)
            self._addresses[key] = now
            if now != before and key != quiet:
                self._told(key, now)

    def _of(self, key: Key) -> tuple[str, ...]:
        addresses: list[str] = []
        for url in self._urls:
            if url in self._found and self._sharing:
                addresses += in_order(self._sharing, self._asks[key])
            else:
                addresses.append(url.removeprefix(POOL))
        return tuple(dict.fromkeys(addresses))
