"""What a program has made, as the emulator tells it."""

from __future__ import annotations

from typing import Any

from tests.rehearsal.emulator.server import Emulator


def instance(emulator: Emulator, host: str) -> dict[str, Any]:
    """The instance of a host that runs."""
    filters = [
        {"Name": "tag:host", "Values": [host]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = emulator.client("ec2").describe_instances(Filters=filters)["Reservations"]
    assert len(found) == 1
    return dict(found[0]["Instances"][0])


def volumes(emulator: Emulator) -> dict[str, str]:
    """The ids of the volumes that outlive their hosts, by host."""
    listed = emulator.client("ec2").describe_volumes(Filters=[{"Name": "tag-key", "Values": ["snapshots"]}])[
        "Volumes"
    ]
    return {tag["Value"]: each["VolumeId"] for each in listed for tag in each["Tags"] if tag["Key"] == "host"}
