"""A service whose new container starts beside the old one, on a real engine (DEP-9)."""

from __future__ import annotations

import json
import stat
import time

import pytest

from infra.hosts.converge import engine
from infra.hosts.converge.host import ReleaseError
from tests.docker.release.conftest import Machine


def containers(machine: Machine, service: str) -> list[str]:
    return [each.container for each in engine.standings(machine.project) if each.service == service]


def secret(machine: Machine) -> str:
    return engine.docker("exec", machine.running()["dubber"].container, "printenv", "HANDOVER_SECRET")


def test_the_old_container_stops_only_after_the_new_one_is_healthy(machine: Machine) -> None:
    machine.bring(machine.bundle())
    old, shared, since = machine.running()["dubber"].container, secret(machine), time.time()
    machine.bring(machine.bundle(dubber="slow"))
    [new] = containers(machine, "dubber")
    happened = machine.happened(since)
    assert ("health_status: healthy", new) in happened
    assert happened.index(("health_status: healthy", new)) < happened.index(("kill", old))
    assert not [container for event, container in happened if event == "start" and container != new]
    assert secret(machine) == shared
    assert engine.docker("port", new) == ""
    machine.bring(machine.bundle(dubber="steady-2"))
    [third] = containers(machine, "dubber")
    assert third not in (old, new)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param("crashing", "no such voice", marks=pytest.mark.thorough),
        ("ill", "the model is missing"),
    ],
)
def test_a_broken_one_is_taken_away_and_the_old_one_has_never_stopped(
    machine: Machine, kind: str, words: str
) -> None:
    machine.bring(machine.bundle())
    before, since = machine.running(), time.time()
    with pytest.raises(ReleaseError, match=words):
        machine.bring(machine.bundle(dubber=kind))
    assert machine.running() == before
    assert containers(machine, "dubber") == [before["dubber"].container]
    mine = {each.container for each in before.values()}
    touched = {"kill", "stop", "die", "start", "restart"}
    assert not [each for each in machine.happened(since) if each[1] in mine and each[0] in touched]


def test_a_secret_that_changes_hands_over_and_what_was_interrupted_is_cleaned_up(machine: Machine) -> None:
    bundle = machine.bundle()
    machine.bring(bundle)
    old = machine.running()["dubber"].container
    machine.secrets["MEDIA_PUBLISH_PASSWORD"] = "another"
    machine.bring(bundle)
    [new] = containers(machine, "dubber")
    assert new != old
    folder = machine.places.run
    engine.start_beside(folder / "compose.json", folder / "secrets.env", "dubber", {})
    assert len(containers(machine, "dubber")) == 2
    machine.bring(bundle)
    assert len(containers(machine, "dubber")) == 1


def test_the_host_makes_the_secret_once_for_root_alone_and_an_operator_s_own_goes_before_it(
    machine: Machine,
) -> None:
    machine.bring(machine.bundle())
    file = machine.places.state / "made.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text(encoding="utf-8")) == {"HANDOVER_SECRET": secret(machine).strip()}
    assert len(secret(machine).strip()) >= 43
    machine.secrets["HANDOVER_SECRET"] = "of the operator"
    machine.bring(machine.bundle())
    assert secret(machine) == "of the operator\n"
