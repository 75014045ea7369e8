"""Speech hosts that come and go, on hosts that boot, while a stream is dubbed.

The steps go on where the files before ended, and each where the last ended. Times are told, not judged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.release import names
from tests.rehearsal.emulator.groups import TAKES_PART
from tests.rehearsal.hosts.rehearsal import Rehearsal
from tests.rehearsal.hosts.steps import APPEARS_WITHIN, Dubbed, dubbing, told
from tests.rehearsal.made import records
from tests.stack import wait_for

pytestmark = pytest.mark.thorough

STREAM = "handed-over"
CONSOLE = 4200
FEWER = "sts,media,dubber,web,api,transcriber"
"""What this is about, and what the end of production looks for: three speech hosts boot side by side."""
POOL = {"min": 2, "max": 3}
JOINS_WITHIN = 600.0
ANSWERS_WITHIN = 10.0
GROUP = names.speech_group("rehearsal")
NAME = "speech.rehearsal.internal."


@dataclass(frozen=True)
class DubbedByPool(Dubbed):
    """The stream, and what the dubber tells of its dub."""

    rehearsal: Rehearsal

    def told(self) -> dict[str, Any]:
        """What the dubber tells of the dub; nothing while it tells nothing."""
        address = f"http://{self.rehearsal.address('streaming')}:{CONSOLE}/api/dubber/streams/{STREAM}"
        answer = httpx.get(address, trust_env=False, timeout=ANSWERS_WITHIN)
        dubs: list[dict[str, Any]] = answer.json().get("dubs", []) if answer.is_success else []
        return dubs[0] if dubs else {}

    @property
    def in_time(self) -> int:
        """Its phrases that were dubbed in time."""
        return int(self.told().get("counts", {}).get("in_time", 0))

    @property
    def host(self) -> str:
        """The address of the speech host that dubs it, or nothing."""
        return str(self.told().get("speech", {}).get("address", "")).partition("://")[2].partition(":")[0]

    def goes_on(self) -> None:
        """Waits for more pictures, and for phrases that are dubbed in time."""
        dubbed = self.in_time
        super().goes_on()
        wait_for("dubbed phrases", lambda: self.in_time > dubbed, APPEARS_WITHIN, 0.2)
        assert self.publisher.running, self.publisher.problem

    @contextmanager
    def without(self, what: str, address: str) -> Iterator[None]:
        """Says how long it took, from what is done to that speech host, until another one dubs in time."""
        began, before = time.monotonic(), self.told()["counts"]
        yield
        wait_for("another host", lambda: self.host not in ("", address), APPEARS_WITHIN, 0.1)
        changed, dubbed = time.monotonic() - began, self.in_time
        wait_for("dubbed phrases", lambda: self.in_time > dubbed, APPEARS_WITHIN, 0.1)
        took, after = time.monotonic() - began, self.told()["counts"]
        grown = {kind: after[kind] - before[kind] for kind in after if after[kind] > before[kind]}
        pause = self.viewer.longest_pause(began)
        print(
            f"\n{what}: another host after {changed:.1f} s, a phrase in time after {took:.1f} s", flush=True
        )
        print(f"phrases meanwhile: {grown}; the picture's longest pause {pause:.2f} s", flush=True)
        assert self.publisher.running, self.publisher.problem


@pytest.fixture(scope="module")
def dubbed(rehearsal: Rehearsal) -> Iterator[DubbedByPool]:
    """It is published until the tests of this file have ended."""
    with dubbing(rehearsal, STREAM) as found:
        yield DubbedByPool(found.publisher, found.viewer, rehearsal)


def taking_part(rehearsal: Rehearsal) -> dict[str, str]:
    """The group's instances that take part, by private address."""
    groups = rehearsal.emulator.client("autoscaling")
    (group,) = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
    listed = [each["InstanceId"] for each in group["Instances"] if each["LifecycleState"] == TAKES_PART]
    if not listed:
        return {}
    found = rehearsal.emulator.client("ec2").describe_instances(InstanceIds=listed)["Reservations"]
    return {
        each["PrivateIpAddress"]: each["InstanceId"]
        for reservation in found
        for each in reservation["Instances"]
        if each["State"]["Name"] == "running"
    }


def named(rehearsal: Rehearsal) -> set[str]:
    """The addresses that the pool's name has."""
    found = [each for each in records(rehearsal.emulator) if each["Name"] == NAME]
    return {one["Value"] for each in found for one in each["ResourceRecords"]}


def whole(rehearsal: Rehearsal, *, but: str = "") -> dict[str, str]:
    """The hosts of the pool, once there are as many as there have to be, without that one, and its name says
    so."""

    def now() -> dict[str, str] | None:
        there = taking_part(rehearsal)
        is_whole = len(there) == POOL["min"] and but not in there and named(rehearsal) == set(there)
        return there if is_whole else None

    return wait_for("the pool to be whole", now, JOINS_WITHIN, 1.0)


def test_a_pool_takes_the_place_of_a_fixed_host_while_a_stream_is_dubbed(
    rehearsal: Rehearsal, dubbed: DubbedByPool
) -> None:
    dubbed.goes_on()
    production, began = rehearsal.production, time.monotonic()
    production.say(speechHosts="0", speechPool=POOL, services=FEWER, livekit="false")
    refused = production.pulumi("up", "--yes")
    assert refused.returncode != 0
    (command,) = {
        line.strip(" `") for line in refused.stdout.splitlines() if "pulumi state unprotect" in line
    }
    assert "speech-1-data" in command
    production.pulumi("state", "unprotect", command.rpartition(" ")[2].strip("'"), "--yes", check=True)
    with told("a pool of two in place of the fixed host, to healthy"):
        production.up()
    health = production.outputs()["health"]
    assert health["speech"] == "healthy"
    assert set(health.values()) == {"healthy"}
    with told("until both take part and are named"):
        there = whole(rehearsal)
    wait_for("a host of the pool dubs it", lambda: dubbed.host in there, APPEARS_WITHIN, 0.2)
    dubbed.goes_on()
    print(f"dubbed stream interrupted: {dubbed.viewer.longest_pause(began):.1f} s", flush=True)


def test_a_host_that_is_lost_is_left_for_the_other_one_and_has_a_successor(
    rehearsal: Rehearsal, dubbed: DubbedByPool
) -> None:
    there, lost = taking_part(rehearsal), dubbed.host
    with dubbed.without("a host lost", lost):
        rehearsal.machines.guests[there[lost]].remove()
    rehearsal.emulator.client("ec2").terminate_instances(InstanceIds=[there[lost]])
    with told("until its successor takes part"):
        assert there[lost] not in whole(rehearsal, but=lost).values()
    dubbed.goes_on()


def test_a_host_with_a_spot_notice_is_left_before_it_is_taken_back(
    rehearsal: Rehearsal, dubbed: DubbedByPool
) -> None:
    there, taken = taking_part(rehearsal), dubbed.host
    with dubbed.without("a spot notice", taken):
        rehearsal.metadata.taken_back.add(there[taken])
    wait_for("its name is without it", lambda: taken not in named(rehearsal), APPEARS_WITHIN, 0.5)
    rehearsal.emulator.client("ec2").terminate_instances(InstanceIds=[there[taken]])
    with told("until its successor takes part"):
        whole(rehearsal, but=taken)
    dubbed.goes_on()


def test_a_host_that_is_one_too_many_hands_over_before_it_ends(
    rehearsal: Rehearsal, dubbed: DubbedByPool
) -> None:
    there, ends = taking_part(rehearsal), dubbed.host
    with dubbed.without("a host to end", ends):
        rehearsal.emulator.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=there[ends], ShouldDecrementDesiredCapacity=False
        )
    with told("until it has ended, and its successor takes part"):
        assert there[ends] not in whole(rehearsal, but=ends).values()
    dubbed.goes_on()
