"""What a cell has answered, kept as long as it said: each thing is asked for once, however many want it."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import structlog

from app.render.caddy import CDN_HEADER
from app.service import Check

MOST_HELD = 256 << 20
"""Bytes of all answers."""
LARGEST = 64 << 20
"""Bytes of one answer: a piece of 2 s at 250 Mb/s."""
PRIVATE_FOR, REFUSED_FOR = 10.0, 1.0
"""Seconds for which what was answered to one viewer holds for that one, and what was refused."""
RENEWED_WITHIN = 1.0
"""Seconds for which an answer is still given while it is asked for anew (RFC 5861, 3): else hundreds would
wait each time that one runs out."""
OPENED_WITHIN = 40.0
"""Seconds; who opens a stream first waits until it is joined."""
ILL_FOR = 5.0
AGE = re.compile(r"max-age=(\d{1,9})")
PASSED_ON = ("content-type", "cache-control", "location", "retry-after", "www-authenticate")
REFUSED = frozenset({401, 404, 503})

log = structlog.get_logger(__name__)

Key = tuple[str, str]


@dataclass(frozen=True)
class Held:
    """An answer: its headers by their names in lower case, when it came, and until when it may be given again
    (seconds of a monotonic clock)."""

    status: int
    headers: dict[str, str]
    body: bytes
    since: float
    until: float


class Unreachable(Exception):
    """The cell gives no answer; the message says why."""


class Origin:
    """The cell at the client's address. What is asked for is a target with its query, and the Authorization
    of who asks: nobody is given what the cell has not given to the same."""

    def __init__(
        self, client: httpx.AsyncClient, secret: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._headers = {CDN_HEADER: secret} if secret else {}
        self.now = clock
        self._held: OrderedDict[Key, Held] = OrderedDict()
        self._bytes = 0
        self._asking: dict[Key, asyncio.Task[Held]] = {}
        self._problem, self._failed_at = "", float("-inf")
        self.asked = self.failed = 0

    def at_hand(self, target: str, authorization: str = "") -> Held | None:
        """An answer that still holds, or did until a moment ago: then it is asked for anew meanwhile."""
        key = target, authorization
        held, now = self._held.get(key), self.now()
        if held is None or now >= held.until + (RENEWED_WITHIN if held.status == httpx.codes.OK else 0.0):
            return None
        if now >= held.until:
            self._begin(key)
        self._held.move_to_end(key)
        return held

    async def ask(self, target: str, authorization: str = "") -> Held:
        """The answer. Raises Unreachable."""
        if (held := self.at_hand(target, authorization)) is not None:
            return held
        # Somebody who leaves ends it for nobody else.
        return await asyncio.shield(self._begin((target, authorization)))

    async def check(self) -> Check:
        """Whether the cell answered when it was last asked, or that is a while ago."""
        ill = self.now() < self._failed_at + ILL_FOR
        return Check(not ill, self._problem if ill else "")

    def _begin(self, key: Key) -> asyncio.Task[Held]:
        """Asks for it, or goes on asking."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(*key))
            asking.add_done_callback(lambda done: self._answered(key, done))
        return asking

    def _answered(self, key: Key, done: asyncio.Task[Held]) -> None:
        self._asking.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._keep(key, done.result())

    async def _ask(self, target: str, authorization: str) -> Held:
        self.asked += 1
        headers = self._headers | ({"authorization": authorization} if authorization else {})
        try:
            async with asyncio.timeout(OPENED_WITHIN):
                return await self._read(target, headers)
        except (httpx.HTTPError, TimeoutError) as error:
            self.failed += 1
            problem = f"out of reach: {type(error).__name__}"
            if problem != self._problem or self.now() >= self._failed_at + ILL_FOR:
                log.warning("the cell gives no answer", problem=problem)
            self._problem, self._failed_at = problem, self.now()
            raise Unreachable(f"the cell is {problem}") from None

    async def _read(self, target: str, headers: dict[str, str]) -> Held:
        body = bytearray()
        async with self._client.stream("GET", target, headers=headers) as answer:
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise httpx.ReadError(f"more than {LARGEST >> 20} MB")
        now, passed_on = self.now(), {}
        for name in PASSED_ON:
            if name in answer.headers:
                passed_on[name] = answer.headers[name]
        return Held(answer.status_code, passed_on, bytes(body), now, now + holds(answer))

    def _keep(self, key: Key, held: Held) -> None:
        if key in self._held:
            self._bytes -= len(self._held.pop(key).body)
        if held.until <= held.since:
            return
        self._held[key] = held
        self._bytes += len(held.body)
        while self._bytes > MOST_HELD:
            self._bytes -= len(self._held.popitem(last=False)[1].body)


def holds(answer: httpx.Response) -> float:
    """For how many seconds an answer may be given to others who ask for the same."""
    if answer.status_code in REFUSED:
        return REFUSED_FOR
    said = answer.headers.get("cache-control", "")
    found = AGE.search(said)
    if answer.status_code != httpx.codes.OK or found is None or "no-store" in said:
        return 0.0
    seconds = float(found[1])
    return min(seconds, PRIVATE_FOR) if "private" in said else seconds
