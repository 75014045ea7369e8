"""A pool's life by the real engine on the emulator: hosts come, take part, hand over and are replaced.

Each test goes on where the last ended. The hosts are empty machines; what one of them does at a hook is done
here by the hosts' own program, with a stand-in for its instance's metadata.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.release import names
from infra.hosts.converge import keeper
from infra.hosts.converge.host import Places
from infra.hosts.converge.keeper import Keeper
from infra.hosts.converge.member import JOINED, Member
from infra.hosts.converge.metadata import Metadata
from tests.rehearsal.emulator.groups import ARRIVES, LEAVES, TAKES_PART
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.rehearsal.made import left, take_snapshot
from tests.rehearsal.production import Production
from tests.unit.hosts.pool_cloud import Cloud

STACK = "rehearsal"
GROUP = names.speech_group(STACK)
NAME = f"speech.{STACK}.internal"
POOL = {"min": 2, "max": 3}
NEW_IMAGE = "ami-0aaaaaaaaaaaaaaaa"
TARGET = "autoscaling/target-lifecycle-state"
PROJECT = "voicestack-of-an-empty-machine"
"""No container of this machine is one of it."""


@pytest.fixture(scope="module")
def pool(production: Production) -> Production:
    """Production with a pool, which is not made yet."""
    production.say(speechHosts="0", speechPool=POOL)
    return production


@pytest.fixture(autouse=True)
def as_a_host(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs here talks to the emulator, as hosts do."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    # Nobody answers at an empty machine's address, and that need not take long.
    monkeypatch.setattr(keeper, "ANSWERED_WITHIN", 0.1)


@pytest.fixture
def at_its_hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """A host does what is to be done, by its instance and what its metadata tells that it is to become."""

    def done(instance: str, target: str) -> None:
        metadata = Cloud()
        metadata.says |= {"instance-id": instance, TARGET: target}
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
        (run := tmp_path / instance).mkdir(exist_ok=True)
        (run / JOINED).touch()
        host = {"name": f"speech-{instance}", "region": REGION, "instance": instance}
        bundle = {
            "pool": {"group": GROUP, "arriving": names.ARRIVING, "leaving": names.LEAVING},
            "compose": {"name": PROJECT},
        }
        member = Member(host, bundle, Places(tmp_path, run, tmp_path), Metadata(), sleep=lambda _: None)
        try:
            for _ in range(3):
                member.look()
        finally:
            metadata.server.shutdown()
            metadata.server.server_close()

    return done


def states(emulator: Emulator) -> dict[str, str]:
    """How the group's instances are."""
    groups = emulator.client("autoscaling")
    (group,) = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
    return {each["InstanceId"]: each["LifecycleState"] for each in group["Instances"]}


def addresses(emulator: Emulator, instances: set[str]) -> set[str]:
    """Their private addresses."""
    return {each["PrivateIpAddress"] for each in described(emulator, *instances)}


def described(emulator: Emulator, *instances: str) -> list[dict[str, Any]]:
    """What EC2 tells of these."""
    found = emulator.client("ec2").describe_instances(InstanceIds=sorted(instances))["Reservations"]
    return [each for reservation in found for each in reservation["Instances"]]


@pytest.fixture(scope="module")
def kept() -> list[Keeper]:
    """The streaming host's keeper of the name, once there is one: it remembers what it has written."""
    return []


@pytest.fixture
def named(emulator: Emulator, kept: list[Keeper]) -> Callable[[], set[str]]:
    """The streaming host looks; the addresses that the pool's name then has."""

    def look() -> set[str]:
        route53 = emulator.client("route53")
        (zone,) = (
            each["Id"]
            for each in route53.list_hosted_zones()["HostedZones"]
            if each["Name"] == f"{STACK}.internal."
        )
        host = {
            "name": "streaming",
            "region": REGION,
            "stack": STACK,
            "metrics": names.metrics(STACK, "streaming"),
        }
        told: dict[str, Any] = {
            "group": GROUP,
            "zone": zone,
            "name": NAME,
            "port": 5003,
            "load": names.LOAD_METRIC,
        }
        if not kept:
            kept.append(Keeper(host, told))
        kept[0].look()
        listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return {
            each["Value"]
            for record in listed
            if record["Type"] == "A" and record["Name"] == f"{NAME}."
            for each in record["ResourceRecords"]
        }

    return look


def test_up_makes_a_pool_whose_hosts_take_part_once_they_say_so(
    pool: Production,
    emulator: Emulator,
    at_its_hook: Callable[[str, str], None],
    named: Callable[[], set[str]],
) -> None:
    said = pool.up()
    assert pool.outputs()["health"] == {"streaming": "healthy", "speech": "healthy"}
    assert pool.outputs()["pool"] == GROUP
    assert list(states(emulator).values()) == [ARRIVES, ARRIVES], said
    assert named() == set()
    first, second = states(emulator)
    at_its_hook(first, TAKES_PART)
    assert named() == addresses(emulator, {first})
    at_its_hook(second, TAKES_PART)
    assert states(emulator) == {first: TAKES_PART, second: TAKES_PART}
    assert named() == addresses(emulator, {first, second})
    # A host that booted again says so again, and nothing waits.
    at_its_hook(second, TAKES_PART)


def test_a_second_up_finds_nothing_to_do(pool: Production, emulator: Emulator) -> None:
    before = states(emulator)
    done = pool.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout
    assert states(emulator) == before


def test_more_load_starts_a_host_and_less_lets_one_hand_over_before_it_ends(
    pool: Production,
    emulator: Emulator,
    at_its_hook: Callable[[str, str], None],
    named: Callable[[], set[str]],
) -> None:
    groups, before = emulator.client("autoscaling"), set(states(emulator))
    groups.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=3)
    (new,) = set(states(emulator)) - before
    assert states(emulator)[new] == ARRIVES
    assert named() == addresses(emulator, before)
    at_its_hook(new, TAKES_PART)
    assert named() == addresses(emulator, {*before, new})
    # How many there are is the group's own affair.
    assert pool.changes() == {}

    groups.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=2)
    (leaving,) = (name for name, state in states(emulator).items() if state == LEAVES)
    assert running(emulator, leaving)
    stays = {*before, new} - {leaving}
    assert named() == addresses(emulator, stays)
    at_its_hook(leaving, "Terminated")
    assert states(emulator) == dict.fromkeys(stays, TAKES_PART)
    assert not running(emulator, leaving)


def running(emulator: Emulator, instance: str) -> bool:
    """Whether an instance runs."""
    (found,) = described(emulator, instance)
    return bool(found["State"]["Name"] == "running")


def test_a_host_that_is_lost_has_a_successor_which_the_next_up_brings_to_the_release(
    pool: Production,
    emulator: Emulator,
    at_its_hook: Callable[[str, str], None],
    named: Callable[[], set[str]],
) -> None:
    lost, other = states(emulator)
    emulator.client("ec2").terminate_instances(InstanceIds=[lost])
    assert named() == addresses(emulator, {other})
    (new,) = set(states(emulator)) - {other}
    pool.up()
    at_its_hook(new, TAKES_PART)
    assert named() == addresses(emulator, {other, new})


def test_a_newer_machine_image_and_a_disk_with_models_are_for_hosts_that_start_from_then_on(
    pool: Production, emulator: Emulator, at_its_hook: Callable[[str, str], None]
) -> None:
    ec2, before, models = emulator.client("ec2"), states(emulator), take_snapshot(emulator)
    pool.say(speechAmi=NEW_IMAGE, volumesFrom={"speech": models})
    changes = pool.changes()
    assert set(changes.values()) == {"update"}, changes
    pool.up()
    assert states(emulator) == before
    leaving, _ = before
    emulator.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=leaving, ShouldDecrementDesiredCapacity=False
    )
    at_its_hook(leaving, "Terminated")
    (new,) = set(states(emulator)) - set(before)
    (found,) = described(emulator, new)
    assert found["ImageId"] == NEW_IMAGE
    attached = [{"Name": "attachment.instance-id", "Values": [new]}]
    disks = ec2.describe_volumes(Filters=attached)["Volumes"]
    assert {each["Attachments"][0]["Device"]: each.get("SnapshotId") or "" for each in disks} == {
        "/dev/sda1": "", "/dev/sdf": models,
    }  # fmt: skip


def test_destroy_ends_the_hosts_and_leaves_nothing(pool: Production, emulator: Emulator) -> None:
    pool.pulumi("state", "unprotect", "--all", "--yes", check=True)
    done = pool.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert left(emulator) == {}
    assert emulator.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert emulator.client("ec2").describe_launch_templates()["LaunchTemplates"] == []
    assert emulator.client("route53").list_hosted_zones()["HostedZones"] == []
