"""The AWS emulator of the rehearsal: what Moto lacks, and that it ends."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.emulator.server import Emulator
from tests.rehearsal.guests.metadata import Metadata
from tests.rehearsal.guests.resolver import HEADER, IN, QUESTION, A, Resolver

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


def test_a_name_in_a_private_zone_is_resolved_as_a_vpc_does_it(tmp_path: Path) -> None:
    with Emulator(tmp_path / "emulator.log") as emulator:
        route53 = emulator.client("route53")
        zone = route53.create_hosted_zone(Name="prod.internal", CallerReference="once")["HostedZone"]["Id"]
        record = {
            "Name": "speech.prod.internal",
            "Type": "A",
            "TTL": 5,
            "ResourceRecords": [{"Value": "10.0.0.9"}, {"Value": "10.0.0.7"}],
        }
        change = {"Action": "UPSERT", "ResourceRecordSet": record}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
        with (
            Resolver(emulator, "127.0.0.1", 0) as resolver,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        ):
            client.settimeout(20)

            def asked(name: str, kind: int = A) -> bytes:
                labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
                question = HEADER.pack(7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + QUESTION.pack(kind, IN)
                client.sendto(question, ("127.0.0.1", resolver.port))
                found = client.recv(512)
                assert found[HEADER.size :].startswith(question[HEADER.size :])
                return found

            known = asked("Speech.prod.internal")
            assert HEADER.unpack_from(known)[:4] == (7, 0x8180, 1, 2)
            assert {known[-20:-16], known[-4:]} == {bytes((10, 0, 0, 9)), bytes((10, 0, 0, 7))}
            assert HEADER.unpack_from(asked("speech.prod.internal", 28))[:4] == (7, 0x8180, 1, 0)
            assert HEADER.unpack_from(asked("example.org"))[:4] == (7, 0x8183, 1, 0)


def test_an_instance_asks_what_it_is_and_what_it_is_to_become(tmp_path: Path) -> None:
    with Emulator(tmp_path / "emulator.log") as emulator, Metadata(emulator, "127.0.0.1") as metadata:
        assert httpx.get(f"{metadata.url}/latest/meta-data/instance-id", trust_env=False).status_code == 401
        ec2 = emulator.client("ec2")
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        (made,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
        name, address = made["InstanceId"], made["PrivateIpAddress"]
        assert metadata.said("instance-id", address) == name
        assert metadata.said("instance-id", "10.9.9.9") is None
        assert metadata.said("autoscaling/target-lifecycle-state", address) is None
        assert metadata.said("spot/instance-action", address) is None
        metadata.taken_back.add(name)
        assert metadata.said("spot/instance-action", address)
