"""What must be right before anything starts; every problem is told at once, with its remedy."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from app import media
from app.catalog import Port, Service
from app.native.plan import listens_on, number
from app.settings import Settings


@dataclass(frozen=True)
class Problem:
    """Something that keeps a service from starting, and what to do about it."""

    what: str
    remedy: str


def told(problems: Iterable[Problem]) -> str:
    """The problems as lines for people."""
    return "Nothing was started:\n" + "\n".join(f"- {each.what}\n  {each.remedy}" for each in problems)


def before_start(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    """All that keeps these services from starting on this machine."""
    return [
        *_taken_ports(services, settings),
        *_same_ports(services, settings),
        *_media_server(services),
        *_modules(services),
        *_data_folder(settings),
    ]


def _taken_ports(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    problems = []
    for service in services:
        for port in service.ports:
            chosen = number(port, settings)
            error = bind_error(listens_on(port, settings), chosen, port)
            if error is None:
                continue
            variable = port.setting.upper()
            host = listens_on(port, settings)
            if error == "taken":
                holder = holder_of(chosen, port)
                problems.append(
                    Problem(
                        f"port {chosen} ({service.name}: {port.purpose}) is taken{holder}",
                        f"Stop that program, or set {variable} to a free port.",
                    )
                )
            else:
                problems.append(
                    Problem(
                        f"{host}:{chosen} ({service.name}) can't be listened on: {error}",
                        f"Set BIND_ADDRESS to an address of this machine, {variable} to a port above 1023.",
                    )
                )
    return problems


def _same_ports(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    seen: dict[tuple[str, int], Port] = {}
    problems = []
    for port in (port for service in services for port in service.ports):
        key = (port.protocol, number(port, settings))
        if key in seen:
            problems.append(
                Problem(
                    f"{seen[key].setting.upper()} and {port.setting.upper()} are both {key[1]}",
                    "Give each a port of its own.",
                )
            )
        seen.setdefault(key, port)
    return problems


def bind_error(host: str, chosen: int, port: Port) -> str | None:
    """Why that port can't be listened on: "taken", another reason, or None where it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # As the services do: a port in TIME_WAIT after a stop is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, chosen))
        except OSError as error:
            return "taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
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


def _media_server(services: tuple[Service, ...]) -> list[Problem]:
    if all(service.module is not None for service in services):
        return []
    problems = []
    try:
        media.find_binary()
    except media.MediaServerMissing:
        problems.append(Problem(f"MediaMTX {media.VERSION} is not on this machine", "Run `make setup`."))
    if shutil.which("curl") is None:
        problems.append(
            Problem(
                "curl is missing: the media server tells of new streams with it",
                "Debian: apt-get install curl. macOS has it.",
            )
        )
    return problems


def _modules(services: tuple[Service, ...]) -> list[Problem]:
    return [
        Problem(f"{service.name} is not part of this installation", "Run `make setup`.")
        for service in services
        if service.module is not None and importlib.util.find_spec(service.module) is None
    ]


def _data_folder(settings: Settings) -> list[Problem]:
    try:
        settings.recordings_dir.mkdir(parents=True, exist_ok=True)
        settings.models_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return [
            Problem(
                f"{settings.data_dir} can't be written: {error.strerror}",
                "Set DATA_DIR to a folder of your own.",
            )
        ]
    return []
