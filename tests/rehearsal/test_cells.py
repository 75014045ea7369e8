"""Streaming hosts in a second zone on the emulator: what the program says of its addresses is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.aws.deployer import actions
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.rehearsal.provider.kind import CALLS, Aws
from tests.rehearsal.provider.registry import kinds
from tests.rehearsal.test_options import CELLS
from tests.unit.infra.aws.given_values import CELLS as STREAMING_HOSTS
from tests.unit.infra.aws.given_values import chosen
from tests.unit.infra.aws.recorded import stack

RANGE = "ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
SUBNET = "ec2/subnet:Subnet"


def test_a_second_zone_has_a_range_and_a_subnet_of_its_own(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    monkeypatch.setenv(CALLS, str(calls))
    ec2, aws = emulator.client("ec2"), Aws(REGION, emulator.url)
    zones = {"streamingHosts": "3", "streamingZones": '["eu-central-1b", "eu-central-1a"]'}
    program = stack(chosen(**{**STREAMING_HOSTS, **zones}))
    vpc = ec2.create_vpc(CidrBlock="10.40.0.0/24")["Vpc"]["VpcId"]
    added, subnet = kinds()[f"aws:{RANGE}"](aws), kinds()[f"aws:{SUBNET}"](aws)

    (asked,) = program.of(RANGE).values()
    ranged = {**asked, "vpcId": vpc}
    name = added.create(ranged)
    assert added.state(name, ranged) is not None
    made = {}
    for short, inputs in program.of(SUBNET).items():
        given = {**inputs, "vpcId": vpc}
        made[short] = (subnet.create(given), given)
    placed = {
        each["SubnetId"]: (each["AvailabilityZone"], each["CidrBlock"])
        for each in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    }
    assert {short: placed[each] for short, (each, _) in made.items()} == {
        "subnet": ("eu-central-1a", "10.40.0.0/24"),
        "subnet-eu-central-1b": ("eu-central-1b", "10.40.1.0/24"),
    }
    for each, given in made.values():
        subnet.delete(each, given)
    added.delete(name, ranged)
    assert added.state(name, ranged) is None
    ec2.delete_vpc(VpcId=vpc)
    done = set(calls.read_text(encoding="utf-8").split())
    assert done >= CELLS
    assert set(actions()) >= CELLS
