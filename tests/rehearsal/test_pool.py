"""A pool of speech hosts on the emulator: what the program says of it, and the name that follows it.

The hosts have addresses of this machine: what stands in for them answers there, or does not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.release import names
from infra.aws.deployer import actions
from infra.hosts.converge import keeper
from infra.hosts.converge.keeper import GOOD_FOR, Keeper
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.rehearsal.provider.kind import CALLS, Aws, Kind, Values
from tests.rehearsal.provider.registry import kinds
from tests.rehearsal.test_options import POOL
from tests.stack import free_port
from tests.unit.infra.aws.given_values import chosen
from tests.unit.infra.aws.recorded import stack

# In the order in which they are made.
MADE = (
    "ec2/subnetCidrReservation:SubnetCidrReservation",
    "ec2/launchTemplate:LaunchTemplate",
    "autoscaling/group:Group",
    "autoscaling/policy:Policy",
    "route53/zone:Zone",
)
AMI = "ami-0fedcba9876543210"


class Made:
    """The resources of a pool, by the stand-in of Pulumi's provider, with what the program says of them."""

    def __init__(self, emulator: Emulator) -> None:
        self.aws, self.ec2 = Aws(REGION, emulator.url), emulator.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="127.9.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="127.9.0.0/24")["Subnet"]["SubnetId"]
        group = self.ec2.create_security_group(GroupName="speech", Description="speech", VpcId=self.vpc)
        self.ids = {"vpc-id": self.vpc, "subnet-id": self.subnet, "speech-id": group["GroupId"]}
        program = stack(chosen(speechHosts="0", speechPool='{"min": 2, "max": 3}', network="127.9.0.0/24"))
        self.given: dict[str, Values] = {}
        self.names: dict[str, str] = {}
        for kind in MADE:
            (inputs,) = program.of(kind).values()
            self.given[kind] = self.real(inputs)
            self.names[kind] = self.kind(kind).create(self.given[kind])
            self.ids["pool-id"] = self.names.get("ec2/launchTemplate:LaunchTemplate", "")

    def kind(self, token: str) -> Kind:
        """What knows a type of resource."""
        return kinds()[f"aws:{token}"](self.aws)

    def real(self, value: Any) -> Any:
        """What the program says, with the ids that there are, and whole numbers as whole numbers."""
        if isinstance(value, dict):
            return {key: self.real(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.real(each) for each in value]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return self.ids.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what AWS was asked to do is written down."""
    return tmp_path_factory.mktemp("calls") / "calls"


@pytest.fixture(scope="module")
def made(emulator: Emulator, calls: Path) -> Iterator[Made]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CALLS, str(calls))
        # However slow this machine is now.
        patch.setattr(keeper, "ANSWERED_WITHIN", 60.0)
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        yield Made(emulator)


@pytest.fixture
def answering(made: Made) -> Iterator[tuple[int, list[str], Callable[[], None]]]:
    """A port, the addresses of the hosts, of which the first has an sts there, and what stops it."""

    class Sts(BaseHTTPRequestHandler):
        """A stand-in that is asked how it is, and nothing else."""

        def do_GET(self) -> None:
            body = json.dumps({"sessions": 12, "resting": 0, "max_sessions": 16}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    found = made.ec2.describe_instances(Filters=[{"Name": "subnet-id", "Values": [made.subnet]}])
    addresses = sorted(
        each["PrivateIpAddress"] for reservation in found["Reservations"] for each in reservation["Instances"]
    )
    port = free_port()
    server = ThreadingHTTPServer((addresses[0], port), Sts)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    yield port, addresses, stop
    stop()


def test_what_the_program_says_of_a_pool_is_taken_and_told_again(made: Made) -> None:
    for kind, name in made.names.items():
        assert set(made.given[kind]) <= set(made.kind(kind).inputs), kind
        found = made.kind(kind).state(name, made.given[kind])
        assert found is not None, kind
        assert {key: found.get(key) for key in made.given[kind]} == made.given[kind], kind


def test_the_group_starts_its_hosts_with_hooks_and_tags(made: Made, emulator: Emulator) -> None:
    groups = emulator.client("autoscaling")
    (group,) = groups.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["AutoScalingGroupName"] == names.speech_group("prod")
    hooks = groups.describe_lifecycle_hooks(AutoScalingGroupName=group["AutoScalingGroupName"])
    assert {each["LifecycleHookName"]: each["DefaultResult"] for each in hooks["LifecycleHooks"]} == {
        names.ARRIVING: "ABANDON", names.LEAVING: "CONTINUE",
    }  # fmt: skip
    found = made.ec2.describe_instances(
        InstanceIds=[each["InstanceId"] for each in group["Instances"]]
    )["Reservations"]  # fmt: skip
    instances = [each for reservation in found for each in reservation["Instances"]]
    assert len(instances) == 2
    for each in instances:
        tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        assert (tags[names.STACK_TAG], tags[names.ROLE_TAG]) == ("prod", "speech")
        assert each["ImageId"] == AMI


def test_the_name_has_the_hosts_that_answer_and_else_all_that_are_there(
    made: Made, emulator: Emulator, answering: tuple[int, list[str], Callable[[], None]]
) -> None:
    port, addresses, silent = answering
    zone = made.names["route53/zone:Zone"]
    pool = {"group": names.speech_group("prod"), "zone": zone, "name": "speech.prod.internal",
            "load": names.LOAD_METRIC}  # fmt: skip
    host = {
        "region": REGION,
        "stack": "prod",
        "metrics": names.metrics("prod", "streaming"),
        "name": "streaming",
    }

    def record() -> tuple[list[str], int]:
        listed = emulator.client("route53").list_resource_record_sets(HostedZoneId=zone)
        (found,) = (each for each in listed["ResourceRecordSets"] if each["Type"] == "A")
        assert found["Name"] == "speech.prod.internal."
        return [each["Value"] for each in found["ResourceRecords"]], found["TTL"]

    take_part(emulator)
    keeps = Keeper(host, {**pool, "port": port})
    keeps.look()
    assert record() == (addresses[:1], GOOD_FOR)
    silent()
    keeps.look()
    assert record() == (addresses, GOOD_FOR)
    (metric,) = emulator.client("cloudwatch").list_metrics(Namespace=host["metrics"])["Metrics"]
    assert (metric["MetricName"], metric["Dimensions"]) == (
        names.LOAD_METRIC, [{"Name": "stack", "Value": "prod"}],
    )  # fmt: skip


def take_part(emulator: Emulator) -> None:
    """Each new host of the group says that it is healthy."""
    groups, name = emulator.client("autoscaling"), names.speech_group("prod")
    (group,) = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    for each in group["Instances"]:
        groups.complete_lifecycle_action(
            AutoScalingGroupName=name,
            LifecycleHookName=names.ARRIVING,
            InstanceId=each["InstanceId"],
            LifecycleActionResult="CONTINUE",
        )


def test_a_changed_pool_is_changed_where_it_is_and_goes_with_the_record_in_its_zone(
    made: Made, calls: Path
) -> None:
    changes: dict[str, Values] = {
        "ec2/launchTemplate:LaunchTemplate": {"instanceType": "g6.2xlarge"},
        "autoscaling/group:Group": {"maxSize": 5, "tags": made.given["autoscaling/group:Group"]["tags"][:1]},
        "autoscaling/policy:Policy": {"policyType": "TargetTrackingScaling"},
    }
    for kind, change in changes.items():
        wanted = {**made.given[kind], **change}
        made.kind(kind).update(made.names[kind], wanted, made.given[kind], set(change))
        found = made.kind(kind).state(made.names[kind], wanted)
        assert found is not None
        assert {key: found.get(key) for key in wanted} == wanted, kind
    (template,) = made.ec2.describe_launch_templates()["LaunchTemplates"]
    assert template["DefaultVersionNumber"] == template["LatestVersionNumber"] == 2
    for kind in reversed(MADE):
        made.kind(kind).delete(made.names[kind], made.given[kind])
        assert made.kind(kind).state(made.names[kind], made.given[kind]) is None, kind
    done = {call for call in calls.read_text(encoding="utf-8").split() if is_change(call)}
    assert done <= set(actions())
    assert done >= POOL


def is_change(call: str) -> bool:
    """Whether a call of the API changes something."""
    return not call.partition(":")[2].startswith(("Describe", "Get", "List"))
