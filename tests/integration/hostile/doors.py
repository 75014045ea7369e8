"""Every port and every address that the catalogue's services answer at: a new service is found by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.routing import APIWebSocketRoute

from app.catalog import CATALOG, uncertified
from app.service import create
from app.settings import Settings

PYTHON_SERVICES = tuple(service.name for service in CATALOG if service.module is not None)
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
PARAMETER = re.compile(r"{[^}]*}")


@dataclass(frozen=True)
class Door:
    """An address of a service that changes something, or a WebSocket's."""

    service: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.service}-{self.method}-{self.path}"


def tcp_ports(settings: Settings, *services: str) -> dict[str, int]:
    """The numbers of all TCP ports of those services that are in use, by `<service>.<name of the port>`."""
    return {
        f"{service.name}.{port.name}": int(getattr(settings, port.setting))
        for service in map(uncertified, CATALOG)
        for port in service.ports
        if service.name in services
        and port.protocol == "tcp"
        and (port.name != "wyoming" or settings.wyoming_enabled)
    }


def http_port(settings: Settings, service: str) -> int:
    """The number of a service's HTTP port."""
    return tcp_ports(settings, service)[f"{service}.http"]


def doors(settings: Settings) -> list[Door]:
    """Every address that changes something, and every WebSocket, of every Python service."""
    found = []
    for service in PYTHON_SERVICES:
        app = create(service, settings)
        found += [Door(service, "WEBSOCKET", filled(path)) for path in websockets(app.routes)]
        for path, methods in app.openapi()["paths"].items():
            found += [
                Door(service, each.upper(), filled(path)) for each in methods if each.upper() in CHANGES
            ]
    return sorted(found, key=str)


def websockets(routes: Iterable[object]) -> Iterator[str]:
    """The paths of all WebSockets among those routes, of included routers too."""
    for route in routes:
        if isinstance(route, APIWebSocketRoute):
            yield route.path
        elif isinstance(included := getattr(route, "original_router", None), APIRouter):
            yield from websockets(included.routes)


def filled(path: str) -> str:
    """A route's path with something in the place of each parameter."""
    return PARAMETER.sub("x", path)
