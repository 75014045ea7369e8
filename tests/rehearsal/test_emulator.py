"""The AWS emulator of the rehearsal: what Moto lacks, and that it ends."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.emulator.server import Emulator

DETAILS = {
    "ResourceTypes": ["VOLUME"],
    "TargetTags": [{"Key": "snapshots", "Value": "prod"}],
    "Schedules": [
        {
            "Name": "daily",
            "CreateRule": {"Interval": 24, "IntervalUnit": "HOURS"},
            "RetainRule": {"Count": 7},
        }
    ],
}


def test_a_lifecycle_policy_is_made_read_changed_tagged_and_deleted(tmp_path: Path) -> None:
    with Emulator(tmp_path / "emulator.log") as emulator:
        dlm = emulator.client("dlm")
        name = dlm.create_lifecycle_policy(
            Description="daily", ExecutionRoleArn="arn:aws:iam::1:role/snapshots", State="ENABLED",
            PolicyDetails=DETAILS, Tags={"stack": "prod"},
        )["PolicyId"]  # fmt: skip
        dlm.update_lifecycle_policy(PolicyId=name, State="DISABLED")
        found = dlm.get_lifecycle_policy(PolicyId=name)["Policy"]
        dlm.tag_resource(ResourceArn=found["PolicyArn"], Tags={"owner": "media"})
        dlm.untag_resource(ResourceArn=found["PolicyArn"], TagKeys=["stack"])
        again = dlm.get_lifecycle_policy(PolicyId=name)["Policy"]
        assert (found["State"], found["PolicyDetails"], found["Tags"]) == (
            "DISABLED",
            DETAILS,
            {"stack": "prod"},
        )
        assert again["Tags"] == {"owner": "media"}
        dlm.delete_lifecycle_policy(PolicyId=name)
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            dlm.get_lifecycle_policy(PolicyId=name)


def test_it_answers_as_long_as_it_is_wanted_and_other_services_are_motos(tmp_path: Path) -> None:
    with Emulator(tmp_path / "emulator.log") as emulator:
        assert emulator.client("sts").get_caller_identity()["Account"] == "123456789012"
    with pytest.raises(httpx.TransportError):
        httpx.get(emulator.url)
