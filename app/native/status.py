"""`python -m app status`: which services are up, healthy, and where."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import httpx

from app import catalog
from app.catalog import Service
from app.native.child import is_healthy
from app.native.containers import Running, find
from app.native.plan import launch, number
from app.native.state import RunFolder
from app.render import media
from app.settings import Settings

# The engine's words for health, and ours.
HEALTHS = {"healthy": "ok", "": "ok"}


@dataclass(frozen=True)
class Standing:
    """How a service stands. `health` is what it says of itself; `container` is the name of its container."""

    service: str
    state: Literal["up", "down"]
    health: str
    version: str
    address: str
    process: int | None
    detail: str
    container: str = ""

    @property
    def runs_as(self) -> str:
        """Its container or its process id, as far as known."""
        return self.container or str(self.process or "")

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def standings(settings: Settings) -> list[Standing]:
    """All services, processes and containers, asked at the same time; takes a few seconds at most."""
    containers = [each for each in find() if each.service in {service.name for service in catalog.CATALOG}]
    return asyncio.run(_ask_all(settings, containers))


async def _ask_all(settings: Settings, containers: list[Running]) -> list[Standing]:
    folder = RunFolder(settings)
    pids = folder.read().get("services", {})
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
        processes, contained = await asyncio.gather(
            asyncio.gather(
                *(
                    _ask(client, service, settings, pids.get(service.name))
                    for service in catalog.CATALOG
                    if service.name in pids or not service.optional
                )
            ),
            asyncio.gather(*(_ask_container(client, each) for each in containers)),
        )
    return together(processes, contained, supervised=folder.is_held())


def together(processes: list[Standing], contained: list[Standing], *, supervised: bool) -> list[Standing]:
    """What is shown: where services run as containers, only those processes that run too.

    A container also answers at the address of the process that it takes the place of.
    """
    taken = {each.address for each in contained}
    return [
        *(
            each
            for each in processes
            if supervised or not contained or (each.state == "up" and each.address not in taken)
        ),
        *contained,
    ]


async def _ask_container(client: httpx.AsyncClient, found: Running) -> Standing:
    service = catalog.get(found.service)
    address = found.addresses.get(service.ports[0].number, "")
    if found.state != "running":
        detail = f"its container is {found.state}: docker logs {found.name}"
        return Standing(service.name, "down", "", "", address, None, detail, found.name)
    health = HEALTHS.get(found.health, found.health)
    said = Standing(service.name, "up", health, "", address, None, "", found.name)
    if service.module is None or not address:
        return said
    try:
        answer = await client.get(f"http://{address}{service.health}")
    except httpx.HTTPError:
        return said
    return replace(described(service.name, address, None, answer), container=found.name)


async def _ask(
    client: httpx.AsyncClient, service: Service, settings: Settings, process: int | None
) -> Standing:
    how = launch(service, settings, media.cached_binary(), media.cached_binary())
    address = f"{settings.local_host}:{number(service.ports[0], settings)}"
    if not service.health:
        up = await is_healthy(client, how.health_url, how.healthy)
        return Standing(service.name, "up" if up else "down", "ok" if up else "", "", address, process, "")
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
