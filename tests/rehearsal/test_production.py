"""Production on the AWS emulator, by the real Pulumi engine: each test goes on where the last ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.release import names
from tests.rehearsal.conftest import PASSWORD
from tests.rehearsal.emulator.server import Emulator
from tests.rehearsal.made import instance, left, volumes
from tests.rehearsal.production import Production

RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::voicestack-network-"
INSTANCE = "aws:ec2/instance:Instance::voicestack-"
NEW_IMAGE = "ami-0aaaaaaaaaaaaaaaa"


def test_a_preview_names_every_resource_and_makes_none(production: Production, emulator: Emulator) -> None:
    done = production.pulumi("preview")
    assert done.returncode == 0, done.stdout
    assert "error" not in done.stdout
    for line in (
        "ec2:Vpc voicestack-network-vpc create",
        "ec2:Instance voicestack-streaming create",
        "to create",
    ):
        assert line in done.stdout, line
    assert emulator.client("ec2").describe_instances()["Reservations"] == []
    assert emulator.client("ecr").describe_repositories()["repositories"] == []


def test_up_makes_everything_and_a_second_one_finds_nothing_to_do(
    production: Production, emulator: Emulator
) -> None:
    production.up()
    assert production.outputs()["health"] == {"streaming": "healthy", "speech-1": "healthy"}
    for host, volume in volumes(emulator).items():
        attached = emulator.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"]
        assert [each["InstanceId"] for each in attached] == [instance(emulator, host)["InstanceId"]]
    assert production.changes() == {}
    assert "created" not in (again := production.up())
    assert "unchanged" in again


def test_a_stack_that_was_made_when_everything_had_shorter_names_stays_as_it_is(
    production: Production, tmp_path: Path
) -> None:
    before = json.loads((Path(__file__).parent / "names_before.json").read_text(encoding="utf-8"))
    (now := tmp_path / "now.json").write_text(production.renamed({}), encoding="utf-8")
    (then := tmp_path / "then.json").write_text(production.renamed(before), encoding="utf-8")
    assert "::voicestack-network-vpc" in now.read_text(encoding="utf-8")
    assert "::voicestack-" not in then.read_text(encoding="utf-8").replace("::voicestack-rehearsal", "")
    production.pulumi("stack", "import", "--file", str(then), check=True)
    assert production.changes() == {}
    production.pulumi("stack", "import", "--file", str(now), check=True)


def test_secrets_are_in_no_bundle_no_user_data_and_no_state(
    production: Production, emulator: Emulator
) -> None:
    ssm, s3, ec2 = (emulator.client(name) for name in ("ssm", "s3", "ec2"))
    name = f"{names.secrets_path('rehearsal', 'streaming')}/MEDIA_PUBLISH_PASSWORD"
    kept = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (kept["Type"], kept["Value"]) == ("SecureString", PASSWORD)
    bucket = production.outputs()["bucket"]
    texts = [
        s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode()
        for each in s3.list_objects_v2(Bucket=bucket)["Contents"]
    ]
    texts += [
        json.dumps(
            ec2.describe_instance_attribute(
                InstanceId=instance(emulator, host)["InstanceId"], Attribute="userData"
            )["UserData"]
        )
        for host in ("streaming", "speech-1")
    ]
    files = [path for path in (production.folder / "state").rglob("*.json") if path.is_file()]
    assert files
    texts += [path.read_text(encoding="utf-8") for path in files]
    assert not [text for text in texts if PASSWORD in text]


def open_to_everybody(emulator: Emulator, door: str) -> str:
    """Opens a door of a security group behind Pulumi's back; what the program calls it."""
    ec2 = emulator.client("ec2")
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    names = {tag["Value"]: each for each in rules for tag in each["Tags"] if tag["Key"] == "Name"}
    ((name, rule),) = ((name, each) for name, each in names.items() if f"-{door}-" in name)
    ec2.modify_security_group_rules(
        GroupId=rule["GroupId"],
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                "SecurityGroupRule": {
                    "IpProtocol": rule["IpProtocol"], "FromPort": rule["FromPort"], "ToPort": rule["ToPort"],
                    "CidrIpv4": "0.0.0.0/0", "Description": rule["Description"],
                },
            }
        ],
    )  # fmt: skip
    return str(name).removeprefix("voicestack-rehearsal-")


@pytest.mark.thorough
def test_a_refresh_sees_what_somebody_changed_by_hand_and_the_next_up_puts_it_right(
    production: Production, emulator: Emulator
) -> None:
    ec2, found = emulator.client("ec2"), instance(emulator, "streaming")
    ec2.modify_instance_metadata_options(InstanceId=found["InstanceId"], HttpTokens="optional")
    ec2.create_tags(Resources=[found["VpcId"]], Tags=[{"Key": "owner", "Value": "somebody else"}])
    opened = open_to_everybody(emulator, "streaming-ssh")
    told = production.pulumi("refresh", "--preview-only", "--expect-no-changes", "--diff")
    assert told.returncode != 0
    for name in ("streaming", "network-vpc", f"network-{opened}"):
        assert f"::voicestack-{name}]" in told.stdout, name
    assert "0.0.0.0/0" in told.stdout
    done = production.pulumi("refresh", "--yes")
    assert done.returncode == 0, done.stdout
    assert "3 updated" in done.stdout
    assert production.changes() == {
        f"{INSTANCE}streaming": "update",
        "aws:ec2/vpc:Vpc::voicestack-network-vpc": "update",
        f"{RULE}{opened}": "update",
    }
    production.up()
    assert instance(emulator, "streaming")["MetadataOptions"]["HttpTokens"] == "required"
    assert production.changes() == {}


def test_who_may_log_in_is_changed_by_rules_alone(production: Production, emulator: Emulator) -> None:
    before = instance(emulator, "streaming")["InstanceId"]
    production.say(sshCidrs=["192.0.2.0/24"])
    wanted = {
        f"{RULE}{role}-ssh-{cidr}": change
        for role in ("speech", "streaming")
        for cidr, change in (("192.0.2.0/24", "create"), ("198.51.100.0/24", "delete"))
    }
    assert production.changes() == wanted
    production.up()
    rules = emulator.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    assert {rule["CidrIpv4"] for rule in rules if rule.get("FromPort") == 22} == {"192.0.2.0/24"}
    assert instance(emulator, "streaming")["InstanceId"] == before


@pytest.mark.thorough
def test_a_host_that_is_gone_comes_back_with_its_address_and_its_volume(
    production: Production, emulator: Emulator
) -> None:
    lost, kept = instance(emulator, "speech-1"), volumes(emulator)
    emulator.client("ec2").terminate_instances(InstanceIds=[lost["InstanceId"]])
    done = production.pulumi("refresh", "--yes")
    assert done.returncode == 0, done.stdout
    production.up()
    found = instance(emulator, "speech-1")
    assert found["InstanceId"] != lost["InstanceId"]
    assert found["PrivateIpAddress"] == lost["PrivateIpAddress"]
    assert volumes(emulator) == kept
    volume = emulator.client("ec2").describe_volumes(VolumeIds=[kept["speech-1"]])["Volumes"][0]
    assert [each["InstanceId"] for each in volume["Attachments"]] == [found["InstanceId"]]
    assert production.changes() == {}


@pytest.mark.thorough
def test_a_newer_machine_image_replaces_only_the_hosts_that_are_to_renew(
    production: Production, emulator: Emulator
) -> None:
    kept, streaming = volumes(emulator), instance(emulator, "streaming")["InstanceId"]
    production.say(speechAmi=NEW_IMAGE, streamingAmi=NEW_IMAGE)
    assert production.changes() == {}
    production.say(renewHosts=["speech-1"])
    assert production.changes()[f"{INSTANCE}speech-1"] in ("replace", "create-replacement", "delete-replaced")
    told = production.review()
    assert told.returncode == 0, told.stdout + told.stderr
    counts, first = (line for line in told.stdout.splitlines() if line.startswith(("###", "- **")))
    assert counts.startswith("### `rehearsal`: 2 to replace, 2 to change, ")
    assert first.startswith("- **replace ec2.Instance `voicestack-speech-1`**: it goes down (ami: ")
    production.up()
    assert instance(emulator, "speech-1")["ImageId"] == NEW_IMAGE
    assert instance(emulator, "streaming")["InstanceId"] == streaming
    assert volumes(emulator) == kept


def test_destroy_keeps_the_volumes_unless_they_are_told_to_go(
    production: Production, emulator: Emulator
) -> None:
    kept = volumes(emulator)
    done = production.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "protected" in done.stdout
    assert volumes(emulator) == kept
    production.pulumi("state", "unprotect", "--all", "--yes", check=True)
    done = production.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert left(emulator) == {}


def test_the_stand_in_talks_to_nothing_but_this_machine(folder: Path, emulator: Emulator) -> None:
    production = Production(folder, emulator)
    production.environment["AWS_ENDPOINT_URL"] = "http://192.0.2.1:4566"
    done = production.pulumi("preview")
    assert done.returncode != 0
    assert "talks to emulators on this machine alone" in done.stdout
