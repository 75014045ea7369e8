"""Several streaming hosts on the AWS emulator, by the real Pulumi engine: made, fewer, and more again.

They have what a service that people reach has: an edge, a domain, and keys by which they ask each other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from app.release import names
from tests.rehearsal.conftest import release
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.rehearsal.made import instance, left, records, volumes
from tests.rehearsal.production import Production

DOMAIN = "live.example.org"
SECOND = f"streaming-2.{DOMAIN}"
KEY = "hush-for-the-cells"
HEALTHY = dict.fromkeys(("streaming", "streaming-2", "speech-1"), "healthy")


@pytest.fixture(scope="module")
def two(production: Production, emulator: Emulator) -> Production:
    """Production with two streaming hosts in two zones, configured but not made."""
    release(production, "edge")
    zone = emulator.client("route53").create_hosted_zone(Name="example.org", CallerReference="two")
    production.say(
        services="sts,media,dubber,web,edge",
        domain=DOMAIN,
        hostedZone=zone["HostedZone"]["Id"].rpartition("/")[2],
        streamingHosts="2",
        streamingZones=[f"{REGION}b"],
    )
    production.say_setting("DOMAIN", DOMAIN)
    production.say_secret("API_KEYS", KEY)
    return production


def bundle(made: Production, emulator: Emulator) -> dict[str, Any]:
    """The release of the streaming hosts."""
    said = made.outputs()
    found = emulator.client("s3").get_object(Bucket=said["bucket"], Key=said["releases"]["streaming"])
    content: dict[str, Any] = json.loads(found["Body"].read())
    return content


def host_names(emulator: Emulator) -> dict[str, str]:
    """Where the records lead: to the instances with those addresses, by host."""
    named = {each["ResourceRecords"][0]["Value"]: each["Name"].rstrip(".") for each in records(emulator)}
    return {host: named[instance(emulator, host)["PublicIpAddress"]] for host in streaming(emulator)}


def streaming(emulator: Emulator) -> list[str]:
    """The streaming hosts that have a volume."""
    return sorted(host for host in volumes(emulator) if host.startswith("streaming"))


def test_a_preview_names_both_and_the_account_is_asked_for_both(two: Production, emulator: Emulator) -> None:
    done = two.pulumi("preview")
    assert done.returncode == 0, done.stdout
    for line in ("ec2:Instance voicestack-streaming create", "ec2:Instance voicestack-streaming-2 create"):
        assert line in done.stdout, line
    assert volumes(emulator) == {}
    asked = subprocess.run(
        [sys.executable, "-m", "infra.aws.ready", "--stack", two.stack, "--json"],
        cwd=two.folder, env=two.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {each["subject"]: each for each in json.loads(asked.stdout)}
    # The images of this stack are made up.
    assert found.pop("machine image")["state"] == "missing"
    assert {each["state"] for each in found.values()} == {"ok"}, found
    assert KEY not in done.stdout + asked.stdout + asked.stderr


def test_up_makes_both_and_a_second_one_finds_nothing_to_do(two: Production, emulator: Emulator) -> None:
    said = two.up()
    made = two.outputs()
    assert made["health"] == HEALTHY
    assert made["cells"] == {"streaming": DOMAIN, "streaming-2": SECOND}
    assert host_names(emulator) == made["cells"]
    assert [instance(emulator, host)["Placement"]["AvailabilityZone"] for host in streaming(emulator)] == [
        f"{REGION}a", f"{REGION}b",
    ]  # fmt: skip
    for host, volume in volumes(emulator).items():
        attached = emulator.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"]
        assert [each["InstanceId"] for each in attached] == [instance(emulator, host)["InstanceId"]]
    other = bundle(two, emulator)["hosts"]["streaming-2"]
    assert set(other["compose"]["services"]) == {"media", "dubber", "web", "edge"}
    kept = emulator.client("ssm").get_parameter(
        Name=f"{names.secrets_path(two.stack, 'streaming')}/API_KEYS", WithDecryption=True
    )["Parameter"]
    assert (kept["Type"], kept["Value"]) == ("SecureString", KEY)
    assert KEY not in said
    assert two.changes() == {}
    assert "unchanged" in (again := two.up())
    assert "created" not in again


def test_each_comes_in_at_the_others_edge(two: Production, emulator: Emulator) -> None:
    asks = {
        name: each["compose"]["services"]["dubber"]["environment"]["CELLS"]
        for release in [bundle(two, emulator)]
        for name, each in {"streaming": release, **release["hosts"]}.items()
    }
    assert asks == {
        "streaming": f"https://{SECOND}/api/dubber", "streaming-2": f"https://{DOMAIN}/api/dubber",
    }  # fmt: skip
    rules = emulator.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    open_to = {each.get("CidrIpv4") for each in rules if each.get("FromPort") == 443 and not each["IsEgress"]}
    assert open_to >= {f"{instance(emulator, host)['PublicIpAddress']}/32" for host in streaming(emulator)}


def test_one_less_takes_no_volume_with_it_unless_that_is_said(two: Production, emulator: Emulator) -> None:
    kept, first = volumes(emulator), instance(emulator, "streaming")["InstanceId"]
    two.say(streamingHosts="1")
    two.pulumi("config", "rm", "voicestack:streamingZones", check=True)
    done = two.pulumi("up", "--yes")
    assert done.returncode != 0
    assert "cannot be deleted" in done.stdout
    (command,) = {line.strip(" `") for line in done.stdout.splitlines() if "pulumi state unprotect" in line}
    assert "streaming-2-data" in command
    assert volumes(emulator) == kept
    two.pulumi("state", "unprotect", command.rpartition(" ")[2].strip("'"), "--yes", check=True)
    two.up()
    assert streaming(emulator) == ["streaming"]
    assert instance(emulator, "streaming")["InstanceId"] == first
    assert [each["Name"] for each in records(emulator)] == [f"{DOMAIN}."]
    (network,) = (each for each in emulator.client("ec2").describe_vpcs()["Vpcs"] if not each["IsDefault"])
    ranges = [
        each["CidrBlock"]
        for each in network["CidrBlockAssociationSet"]
        if each["CidrBlockState"]["State"] == "associated"
    ]
    assert ranges == [network["CidrBlock"]]


def test_one_more_replaces_nothing_of_the_first(two: Production, emulator: Emulator) -> None:
    kept, first = volumes(emulator), instance(emulator, "streaming")["InstanceId"]
    two.say(streamingHosts="2", streamingZones=[f"{REGION}b"])
    changes = two.changes()
    assert {name.rpartition("::")[2]: change for name, change in changes.items() if change != "create"} == {
        "voicestack-streaming-release-bundle": "replace",
        "voicestack-streaming-release": "update",
    }
    two.up()
    assert two.outputs()["health"] == HEALTHY
    assert instance(emulator, "streaming")["InstanceId"] == first
    assert kept.items() < volumes(emulator).items()
    assert host_names(emulator) == {"streaming": DOMAIN, "streaming-2": SECOND}


def test_destroy_leaves_nothing_of_either(two: Production, emulator: Emulator) -> None:
    two.pulumi("state", "unprotect", "--all", "--yes", check=True)
    done = two.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert left(emulator) == {}
