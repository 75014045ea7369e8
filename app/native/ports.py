"""Whether the ports that services want are free, and who has them."""

from __future__ import annotations

import contextlib
import errno
import socket

import psutil

from app.catalog import Port, Service
from app.native.plan import listens_on, number
from app.native.problem import Problem
from app.settings import Settings

TAKEN = "taken"


def port_problems(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    """A problem for every port that can't be had."""
    return [*_unavailable(services, settings), *_twice(services, settings)]


def _unavailable(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    problems = []
    for service, port in ((each, port) for each in services for port in each.ports):
        host, chosen, variable = listens_on(port, settings), number(port, settings), port.setting.upper()
        error = bind_error(host, chosen, port)
        if error == TAKEN:
            problems.append(
                Problem(
                    f"port {chosen} ({service.name}: {port.purpose}) is taken{holder_of(chosen, port)}",
                    f"Stop that program, or set {variable} to a free port.",
                )
            )
        elif error is not None:
            problems.append(
                Problem(
                    f"{host}:{chosen} ({service.name}) can't be listened on: {error}",
                    f"Set BIND_ADDRESS to an address of this machine, {variable} to a port above 1023.",
                )
            )
    return problems


def _twice(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    seen: dict[tuple[str, int], Port] = {}
    problems = []
    for port in (port for service in services for port in service.ports):
        first = seen.setdefault((port.protocol, number(port, settings)), port)
        if first is not port:
            problems.append(
                Problem(
                    f"{first.setting.upper()} and {port.setting.upper()} are both {number(port, settings)}",
                    "Give each a port of its own.",
                )
            )
    return problems


def bind_error(host: str, chosen: int, port: Port) -> str | None:
    """Why that port can't be listened on: TAKEN, another reason, or None where it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # As the services do: a port in TIME_WAIT after a stop is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, chosen))
        except OSError as error:
            return TAKEN if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
    return None


def holder_of(chosen: int, port: Port) -> str:
    """The process that has a port, as far as the system tells us: " by NAME (process N)", or nothing."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind=port.protocol):
            if not connection.laddr or connection.laddr.port != chosen or not connection.pid:
                continue
            if port.protocol == "tcp" and connection.status != psutil.CONN_LISTEN:
                continue
            with contextlib.suppress(psutil.Error):
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
