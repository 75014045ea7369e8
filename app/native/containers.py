"""The containers of this machine's engine that are services of ours, as the engine tells of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.render.containers import LABEL

PATIENCE = 2.0
SERVICE = f"{LABEL}.service"
STACK = f"{LABEL}.stack"
COMPOSE = "com.docker.compose.project"


@dataclass(frozen=True)
class Running:
    """A service's container, whether it runs or not.

    `state` is the engine's word (running, exited, …), `health` what its check says (healthy, starting,
    unhealthy, or nothing). `addresses` leads from a port inside to where this machine has it.
    """

    service: str
    stack: str
    name: str
    state: str
    health: str
    addresses: Mapping[int, str]


def find() -> list[Running]:
    """All containers of our services, by stack; none where no engine answers within two seconds."""
    listed = _docker("ps", "--all", "--quiet", "--filter", f"label={SERVICE}").split()
    if not listed:
        return []
    try:
        return read(json.loads(_docker("inspect", "--type=container", *listed) or "[]"))
    except ValueError:
        return []


def read(inspected: list[dict[str, Any]]) -> list[Running]:
    """The containers in what `docker inspect` says."""
    found = [_read_one(each) for each in inspected]
    return sorted(found, key=lambda each: (each.stack, each.name))


def _read_one(document: dict[str, Any]) -> Running:
    labels, state = document["Config"]["Labels"], document["State"]
    bound = {
        int(port.partition("/")[0]): f"{places[0]['HostIp']}:{places[0]['HostPort']}"
        for port, places in (document["HostConfig"]["PortBindings"] or {}).items()
        if places and port.endswith("/tcp")
    }
    return Running(
        service=labels[SERVICE],
        stack=labels.get(STACK) or labels.get(COMPOSE, ""),
        name=document["Name"].lstrip("/"),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        addresses={port: place.replace("0.0.0.0:", "127.0.0.1:", 1) for port, place in bound.items()},
    )


def _docker(*arguments: str) -> str:
    """What the docker client prints, or nothing where it is missing or fails."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
