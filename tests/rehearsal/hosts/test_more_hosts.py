"""A second streaming host, on hosts that boot: it comes while the first dubs, and is left when that is lost.

The steps go on where test_hosts.py ended, and each where the last ended. Times are told, not judged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.rehearsal.emulator.server import REGION
from tests.rehearsal.hosts.rehearsal import Rehearsal
from tests.rehearsal.hosts.steps import APPEARS_WITHIN, Dubbed, dubbing, told
from tests.rehearsal.made import instance, volumes
from tests.stack import wait_for

pytestmark = pytest.mark.thorough

FIRST, SECOND = "streaming", "streaming-2"
HEALTHY = dict.fromkeys((FIRST, SECOND, "speech-1"), "healthy")
STREAM = "beside"
KEY = "hush-for-the-cells"
CONSOLE = 4200
ANSWERS_WITHIN = 10.0


@pytest.fixture(scope="module")
def dubbed(rehearsal: Rehearsal) -> Iterator[Dubbed]:
    """It is published until the tests of this file have ended."""
    with dubbing(rehearsal, STREAM) as found:
        yield found


def told_by(rehearsal: Rehearsal, host: str, path: str) -> dict[str, Any]:
    """What the directory at a host's console tells a program with a key."""
    address = f"http://{rehearsal.address(host)}:{CONSOLE}/api/dubber/{path}"
    given = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.get(address, headers=given, trust_env=False, timeout=ANSWERS_WITHIN)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def place(rehearsal: Rehearsal, host: str) -> str:
    """The cell that a host names for the stream."""
    return str(told_by(rehearsal, host, f"ingest/{STREAM}")["cell"])


def answering(rehearsal: Rehearsal, host: str) -> set[str]:
    """The cells that answer a host, itself among them."""
    return {each["name"] for each in told_by(rehearsal, host, "cells")["cells"] if each["answers"]}


def test_a_second_host_comes_while_the_first_one_dubs(rehearsal: Rehearsal, dubbed: Dubbed) -> None:
    dubbed.goes_on()
    machine, kept = instance(rehearsal.emulator, FIRST)["InstanceId"], volumes(rehearsal.emulator)
    before = rehearsal.containers(FIRST)
    rehearsal.production.say(streamingHosts="2", streamingZones=[f"{REGION}b"])
    rehearsal.production.say_secret("API_KEYS", KEY)
    began = time.monotonic()
    with told("a second streaming host, to healthy"):
        said = rehearsal.production.up()
    dubbed.goes_on()
    print(f"dubbed stream interrupted: {dubbed.viewer.longest_pause(began):.1f} s", flush=True)
    assert dubbed.publisher.running, dubbed.publisher.problem
    assert rehearsal.production.outputs()["health"] == HEALTHY
    assert KEY not in said
    assert instance(rehearsal.emulator, FIRST)["InstanceId"] == machine
    assert kept.items() < volumes(rehearsal.emulator).items()
    assert rehearsal.containers(FIRST)["media"] == before["media"]
    assert rehearsal.images(SECOND).items() <= rehearsal.images(FIRST).items()


def test_each_asks_the_other_and_names_the_same_cell(rehearsal: Rehearsal, dubbed: Dubbed) -> None:
    cells = rehearsal.production.outputs()["cells"]
    assert cells[FIRST] != cells[SECOND]
    assert dubbed.publisher.running, dubbed.publisher.problem
    assert [answering(rehearsal, host) for host in cells] == [set(cells.values())] * 2
    assert {host: place(rehearsal, host) for host in cells} == dict.fromkeys((FIRST, SECOND), cells[FIRST])


def test_a_lost_hosts_stream_goes_to_the_other_one_until_it_is_back_with_its_volume(
    rehearsal: Rehearsal, dubbed: Dubbed
) -> None:
    cells, kept = rehearsal.production.outputs()["cells"], volumes(rehearsal.emulator)
    machines = {host: instance(rehearsal.emulator, host)["InstanceId"] for host in cells}
    assert place(rehearsal, SECOND) == cells[FIRST]
    assert dubbed.publisher.running, dubbed.publisher.problem
    with told("a host lost, until the other one is named for its stream"):
        rehearsal.emulator.client("ec2").terminate_instances(InstanceIds=[machines[FIRST]])
        wait_for("another cell", lambda: place(rehearsal, SECOND) == cells[SECOND], APPEARS_WITHIN)
    assert answering(rehearsal, SECOND) == {cells[SECOND]}
    with told("until its successor is healthy"):
        assert rehearsal.production.pulumi("refresh", "--yes").returncode == 0
        rehearsal.production.up()
    assert rehearsal.production.outputs()["health"] == HEALTHY
    assert instance(rehearsal.emulator, FIRST)["InstanceId"] != machines[FIRST]
    assert instance(rehearsal.emulator, SECOND)["InstanceId"] == machines[SECOND]
    assert volumes(rehearsal.emulator) == kept
