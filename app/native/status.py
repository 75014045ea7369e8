"""`python -m app status`: which services are up, healthy, and where."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Literal

import httpx

from app import catalog, media
from app.catalog import Service
from app.native.plan import launch, number
from app.native.state import RunFolder
from app.settings import Settings


@dataclass(frozen=True)
class Standing:
    """How a service stands. `health` is what it says of itself."""

    service: str
    state: Literal["up", "down"]
    health: str
    version: str
    address: str
    process: int | None
    detail: str

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def standings(settings: Settings) -> list[Standing]:
    """All services, asked at the same time; takes at most two seconds."""
    return asyncio.run(_ask_all(settings))


async def _ask_all(settings: Settings) -> list[Standing]:
    pids = RunFolder(settings).read().get("services", {})
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
        return await asyncio.gather(
            *(_ask(client, service, settings, pids.get(service.name)) for service in catalog.select())
        )


async def _ask(
    client: httpx.AsyncClient, service: Service, settings: Settings, process: int | None
) -> Standing:
    how = launch(service, settings, media.cached_binary(), media.cached_binary())
    address = f"{settings.local_host}:{number(service.ports[0], settings)}"
    try:
        answer = await client.get(how.health_url)
    except httpx.HTTPError:
        return Standing(service.name, "down", "", "", address, None, "")
    if service.module is None:
        health = "ok" if answer.status_code in how.healthy else f"HTTP {answer.status_code}"
        return Standing(service.name, "up", health, "", address, process, "")
    return described(service.name, address, process, answer)


def described(name: str, address: str, process: int | None, answer: httpx.Response) -> Standing:
    """What a service's answer to /health says; a program that is not ours may answer anything."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict) or body.get("service") != name:
        return Standing(name, "down", "", "", address, None, "another program answers there")
    out_of_reach = [
        f"{key}: {value.get('detail') or 'out of reach'}"
        for key, value in body.get("depends_on", {}).items()
        if not value.get("reachable")
    ]
    return Standing(
        name,
        "up",
        str(body.get("status", "")),
        str(body.get("version", "")),
        address,
        process,
        "; ".join(out_of_reach) or str(body.get("detail", "")),
    )
