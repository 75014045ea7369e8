"""Whether a speech host is well, and what it says is wrong."""

from __future__ import annotations

from collections.abc import Mapping
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


def checker(client: httpx.AsyncClient, address: str) -> Checker:
    """A check of the speech host at that WebSocket address."""

    async def check() -> Check:
        try:
            answer = await client.get(health_address(address))
        except httpx.HTTPError as error:
            return Check(False, f"out of reach: {type(error).__name__}")
        try:
            return verdict(answer.status_code, answer.json())
        except ValueError:
            return verdict(answer.status_code, None)

    return check
