"""Read replicas of this cell: which of them are well, and which of them each viewer is sent to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import count

import httpx
import structlog

from app.dubbing.service import paths
from app.dubbing.service.playlists import Pathway
from app.lasting import regularly
from app.service import Check, Checker

LOOK_EVERY = 2.0
ASKED_AGAIN_AFTER = 30
"""Seconds after which a player asks where it belongs."""
OWN = "cell"

log = structlog.get_logger(__name__)


class Replicas:
    """The replicas at these addresses. Viewers who come go to those that are well, in turn, and stay; where
    none is, they are this cell's own."""

    def __init__(self, addresses: Sequence[str], client: httpx.AsyncClient) -> None:
        self._client = client
        self._addresses = {f"replica-{number}": address for number, address in enumerate(addresses, 1)}
        self._problems = dict.fromkeys(self._addresses, "not asked yet")
        self._turns = count()

    def __bool__(self) -> bool:
        return bool(self._addresses)

    def pathways(self, name: str, current: str = "") -> tuple[Pathway, ...]:
        """All ways to a showing of that name, best first; `current` is where the viewer is, if anywhere."""
        well = [each for each in self._addresses if not self._problems[each]]
        if current in well:
            # Where one is lost its viewers go to all others, not to the same.
            others = [each for each in well if each != current]
            well = [current, *random.sample(others, len(others))]
        elif well:
            # Only who comes has a turn: each asks once more, and with two replicas all would be sent to one.
            turn = next(self._turns) % len(well)
            well = well[turn:] + well[:turn]
        ill = [each for each in self._addresses if self._problems[each]]
        return tuple(self._pathway(each, name) for each in (*well, OWN, *ill))

    def _pathway(self, key: str, name: str) -> Pathway:
        # The cell itself is where the playlist came from, whatever it is called there.
        return Pathway(key, f"{self._addresses[key]}/{paths.all_path(name)}/" if key != OWN else "")

    def checks(self) -> dict[str, Checker]:
        """A check for each, which tells what was found last."""
        return {f"{key} {self._addresses[key]}": self._checker(key) for key in self._addresses}

    def _checker(self, key: str) -> Checker:
        async def check() -> Check:
            return Check(not self._problems[key], self._problems[key])

        return check

    async def run(self) -> None:
        """Looks at them until cancelled."""
        await regularly(self.look, LOOK_EVERY, needed=bool(self._addresses))

    async def look(self) -> None:
        """Asks each of them how it is."""
        found = await asyncio.gather(*(self._ask(address) for address in self._addresses.values()))
        for key, problem in zip(self._addresses, found, strict=True):
            if problem != self._problems[key]:
                log.info("a read replica", replica=key, address=self._addresses[key], problem=problem)
            self._problems[key] = problem

    async def _ask(self, address: str) -> str:
        """What is wrong with one; empty where nothing is."""
        try:
            answer = await self._client.get(f"{address}/health")
            told = answer.json()
        except httpx.HTTPError as error:
            return f"out of reach: {type(error).__name__}"
        except ValueError:
            told = None
        if not isinstance(told, dict) or told.get("service") != "replica":
            return "this is no read replica"
        # One that can't reach this cell can't give viewers anything.
        return "" if told.get("status") == "ok" else f"says {str(told.get('status'))[:20]!r} of itself"
