"""What a program has made, as the emulator tells it."""

from __future__ import annotations

from typing import Any

from tests.rehearsal.emulator.server import REGION, Emulator

CERTIFICATES = "us-east-1"
"""Where CloudFront takes its certificates from."""


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


def take_snapshot(emulator: Emulator) -> str:
    """A snapshot whose volume is gone."""
    ec2 = emulator.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=100, VolumeType="gp3", Encrypted=True)
    made = ec2.create_snapshot(VolumeId=volume["VolumeId"])
    ec2.delete_volume(VolumeId=volume["VolumeId"])
    return str(made["SnapshotId"])


def left(emulator: Emulator) -> dict[str, Any]:
    """What the emulator still holds of what a program can have made."""
    ec2, alive = emulator.client("ec2"), ["pending", "running", "stopping", "stopped"]
    state = [{"Name": "instance-state-name", "Values": alive}]
    iam, sns = emulator.client("iam"), emulator.client("sns")
    found = {
        "instances": ec2.describe_instances(Filters=state)["Reservations"],
        "volumes": ec2.describe_volumes()["Volumes"],
        "networks": [each for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]],
        "addresses": ec2.describe_addresses()["Addresses"],
        "keys": ec2.describe_key_pairs()["KeyPairs"],
        "roles": iam.list_roles()["Roles"],
        "profiles": iam.list_instance_profiles()["InstanceProfiles"],
        "repositories": emulator.client("ecr").describe_repositories()["repositories"],
        "buckets": emulator.client("s3").list_buckets()["Buckets"],
        "parameters": emulator.client("ssm").describe_parameters()["Parameters"],
        "alarms": emulator.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "policies": emulator.client("dlm").get_lifecycle_policies()["Policies"],
        "logs": emulator.client("logs").describe_log_groups()["logGroups"],
        "topics": sns.list_topics()["Topics"],
        "subscriptions": sns.list_subscriptions()["Subscriptions"],
        "records": records(emulator),
        "checks": emulator.client("route53").list_health_checks()["HealthChecks"],
        "distributions": distributions(emulator),
        "certificates": emulator.client("acm", CERTIFICATES).list_certificates()["CertificateSummaryList"],
    }
    return {name: each for name, each in found.items() if each}


def records(emulator: Emulator) -> list[dict[str, Any]]:
    """The addresses in all hosted zones."""
    route53 = emulator.client("route53")
    zones = [each["Id"] for each in route53.list_hosted_zones()["HostedZones"]]
    listed = [route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"] for zone in zones]
    return [dict(record) for each in listed for record in each if record["Type"] == "A"]


def distributions(emulator: Emulator) -> list[dict[str, Any]]:
    """What CloudFront delivers."""
    listed = emulator.client("cloudfront").list_distributions()["DistributionList"]
    return [dict(each) for each in listed.get("Items", [])]
