"""Containers are told of beside processes, and neither is told twice."""

from __future__ import annotations

from typing import Any

import pytest

from app.native import containers
from app.native.containers import read
from app.native.status import Standing, together


def inspected(service: str, state: str = "running", health: str = "healthy", **labels: str) -> dict[str, Any]:
    """What the engine says of a container, as far as it is read."""
    return {
        "Name": f"/voicestack-local-{service}",
        "Config": {"Labels": {"voicestack.service": service, "voicestack.stack": "local", **labels}},
        "State": {"Status": state, **({"Health": {"Status": health}} if health else {})},
        "HostConfig": {
            "PortBindings": {
                "4200/tcp": [{"HostIp": "0.0.0.0", "HostPort": "14200"}],
                "8189/udp": [{"HostIp": "127.0.0.1", "HostPort": "8189"}],
            }
        },
    }


def standing(service: str, state: str, address: str, container: str = "") -> Standing:
    return Standing(service, "up" if state == "up" else "down", "", "", address, None, "", container)


def test_a_container_is_read_with_its_stack_health_and_addresses() -> None:
    (found,) = read([inspected("web")])
    assert (found.service, found.stack, found.name) == ("web", "local", "voicestack-local-web")
    assert (found.state, found.health) == ("running", "healthy")
    assert found.addresses == {4200: "127.0.0.1:14200"}


def test_a_container_without_a_check_has_no_health_and_one_of_compose_its_project() -> None:
    document = inspected("db", health="", **{"com.docker.compose.project": "mine"})
    del document["Config"]["Labels"]["voicestack.stack"]
    (found,) = read([document])
    assert (found.health, found.stack) == ("", "mine")


def test_where_no_engine_answers_there_are_no_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert containers.find() == []
    monkeypatch.setenv("PATH", "/nowhere")
    assert containers.find() == []


def test_containers_take_the_place_of_processes_that_do_not_run() -> None:
    processes = [standing("web", "up", "127.0.0.1:4200"), standing("sts", "down", "127.0.0.1:5003")]
    contained = [standing("web", "up", "127.0.0.1:4200", "voicestack-local-web")]
    assert together(processes, contained, supervised=False) == contained
    assert together(processes, [], supervised=False) == processes


def test_processes_beside_containers_are_told_too() -> None:
    processes = [standing("web", "up", "127.0.0.1:4200"), standing("sts", "down", "127.0.0.1:5003")]
    contained = [standing("web", "up", "127.0.0.1:14200", "voicestack-dev-web")]
    assert together(processes, contained, supervised=True) == [*processes, *contained]
    assert together(processes, contained, supervised=False) == [processes[0], *contained]
