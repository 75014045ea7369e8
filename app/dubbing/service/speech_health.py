"""Whether the speech hosts are well, what they say is wrong, and what they can dub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.service import Check, Checker


def health_address(address: str) -> str:
    """The HTTP address of /health at the host of a WebSocket address."""
    parts = urlsplit(address)
    return f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}/health"


def shown_address(address: str) -> str:
    """The address as people may see it: host and port alone."""
    return urlsplit(address).netloc.rpartition("@")[2]


def verdict(status: int, document: Any) -> Check:
    """What a speech host's /health says: reachable unless it is starting, and its problems in words."""
    if not isinstance(document, Mapping):
        return Check(False, f"answered {status}, which is no speech service's /health")
    said = str(document.get("status", ""))
    problems = [str(document["detail"])] if document.get("detail") else []
    parts = document.get("depends_on")
    for name, part in (parts if isinstance(parts, Mapping) else {}).items():
        if isinstance(part, Mapping) and not part.get("reachable"):
            problems.append(str(part.get("detail") or name))
    if status != 200:
        return Check(False, "; ".join([said or str(status), *problems]))
    return Check(True, "; ".join(problems) or ("" if said == "ok" else said))


class SpeechHosts:
    """The speech hosts at the WebSocket addresses that there are at each moment; what each can dub is kept
    from its last check."""

    def __init__(self, client: httpx.AsyncClient, addresses: Callable[[], Sequence[str]]) -> None:
        self._client = client
        self._addresses = addresses
        self._told: dict[str, Mapping[str, Any]] = {}

    def checks(self) -> dict[str, Checker]:
        """A check for each host, by the name that people see."""
        return {f"sts {shown_address(address)}": self._checker(address) for address in self._addresses()}

    def can_dub(self) -> dict[str, Any]:
        """What one of the hosts can dub: `pairs` as "en-es", and whether `into_english` from anything.

        Empty while no host has told.
        """
        self._told = {address: self._told[address] for address in self._addresses() if address in self._told}
        if not self._told:
            return {}
        pairs = {pair for told in self._told.values() for pair in told["pairs"]}
        return {
            "pairs": sorted(pairs),
            "into_english": any(told["into_english"] for told in self._told.values()),
        }

    def _checker(self, address: str) -> Checker:
        async def check() -> Check:
            try:
                answer = await self._client.get(health_address(address))
            except httpx.HTTPError as error:
                return Check(False, f"out of reach: {type(error).__name__}")
            try:
                document = answer.json()
            except ValueError:
                return verdict(answer.status_code, None)
            self._remember(address, document)
            return verdict(answer.status_code, document)

        return check

    def _remember(self, address: str, document: Any) -> None:
        pairs = document.get("pairs") if isinstance(document, Mapping) else None
        if isinstance(pairs, list):
            self._told[address] = {
                "pairs": [str(pair) for pair in pairs],
                "into_english": document.get("into_english") is True,
            }
