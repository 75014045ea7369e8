"""What a deployment would fail at is told before it, each with what to do; AWS's answers are made up here."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws.deployer import actions, policy
from infra.aws.ready import examine
from tests.unit.infra.aws.given_values import chosen

ARM, INTEL = "ami-0123456789abcdef0", "ami-0fedcba9876543210"


def image(architecture: str, size: int = 8) -> dict[str, Any]:
    return {
        "Architecture": architecture,
        "State": "available",
        "Name": "an image",
        "BlockDeviceMappings": [{"Ebs": {"VolumeSize": size}}, {"VirtualName": "ephemeral0"}],
    }


class Account:
    """An account that lacks nothing, but for what a test takes away; it answers for all services."""

    def __init__(self) -> None:
        self.arn = "arn:aws:sts::123456789012:assumed-role/deployer/session"
        self.zones = [{"State": "available"}]
        self.offered: tuple[str, ...] = ("c7g.xlarge", "g6.xlarge")
        self.images = {ARM: image("arm64"), INTEL: image("x86_64", 75)}
        self.running: list[dict[str, Any]] = []
        self.quota = 16.0
        self.addresses: list[dict[str, Any]] = []
        self.denied: set[str] = set()
        self.asked_of: list[str] = []
        self.zone = {"Name": "example.org.", "Config": {"PrivateZone": False}}
        self.refuses = ""

    def __call__(self, _: str) -> Account:
        return self

    def get_caller_identity(self) -> Any:
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses}}, "GetCallerIdentity")
        return {"Arn": self.arn}

    def describe_availability_zones(self, **_: Any) -> Any:
        return {"AvailabilityZones": self.zones}

    def describe_instance_type_offerings(self, Filters: Any, **_: Any) -> Any:
        (kind,) = Filters[1]["Values"]
        return {"InstanceTypeOfferings": [kind] if kind in self.offered else []}

    def describe_images(self, Filters: Any) -> Any:
        return {"Images": [self.images[ami] for ami in Filters[0]["Values"] if ami in self.images]}

    def get_paginator(self, _: str) -> Account:
        return self

    def paginate(self, **_: Any) -> Any:
        return [{"Reservations": [{"Instances": self.running}]}]

    def describe_instance_types(self, InstanceTypes: Any) -> Any:
        return {
            "InstanceTypes": [
                {"InstanceType": kind, "VCpuInfo": {"DefaultVCpus": 4}} for kind in InstanceTypes
            ]
        }

    def get_service_quota(self, **_: Any) -> Any:
        return {"Quota": {"Value": self.quota}}

    def describe_addresses(self) -> Any:
        return {"Addresses": self.addresses}

    def simulate_principal_policy(self, PolicySourceArn: str, ActionNames: list[str]) -> Any:
        self.asked_of.append(PolicySourceArn)
        return {
            "EvaluationResults": [
                {"EvalActionName": each, "EvalDecision": "implicitDeny" if each in self.denied else "allowed"}
                for each in ActionNames
            ]
        }

    def get_hosted_zone(self, **_: Any) -> Any:
        return {"HostedZone": self.zone}


@pytest.fixture
def account() -> Account:
    return Account()


def missing(account: Account, **more: str) -> dict[str, str]:
    """What is missing, and in which words."""
    return {each.subject: each.detail for each in examine(chosen(**more), account) if each.state != "ok"}


def test_an_account_that_has_all_lacks_nothing_and_its_role_is_what_the_simulator_is_asked_of(
    account: Account,
) -> None:
    assert missing(account, domain="live.example.org", hostedZone="Z0123456789ABC") == {}
    assert set(account.asked_of) == {"arn:aws:iam::123456789012:role/deployer"}


def test_a_zone_a_type_and_images_that_are_not_there_are_named(account: Account) -> None:
    account.zones, account.offered, account.images = [], ("c7g.xlarge",), {ARM: image("x86_64")}
    found = missing(account)
    assert set(found) == {"zone", "instance type", "machine image"}
    assert "g6.xlarge" in found["instance type"]


@pytest.mark.parametrize(("ami", "taken"), [(ARM, image("x86_64")), (INTEL, image("x86_64", 500))])
def test_an_image_for_another_processor_or_too_large_is_no_good(
    account: Account, ami: str, taken: dict[str, Any]
) -> None:
    account.images[ami] = taken
    assert ami in missing(account)["machine image"]


def test_processors_that_others_use_count_and_this_stacks_own_do_not(account: Account) -> None:
    gpu = {"InstanceType": "g5.xlarge", "Tags": []}
    account.running, account.quota = [gpu, gpu, gpu], 20.0
    assert missing(account) == {}
    account.running.append(gpu)
    assert "8 processors wanted, 16 in use, 20 allowed" in missing(account)["quota"]
    account.running = [{**gpu, "Tags": [{"Key": "stack", "Value": "prod"}]}] * 4
    assert missing(account) == {}


def test_an_address_more_than_allowed_is_told_unless_the_stack_has_its_own(account: Account) -> None:
    account.quota, account.addresses = 5.0, [{}] * 5
    assert "5 in use, 1 wanted, 5 allowed" in missing(account)["Elastic IP"]
    account.addresses[0] = {"Tags": [{"Key": "stack", "Value": "prod"}]}
    assert "Elastic IP" not in missing(account)


def test_what_the_deployer_may_not_do_is_named(account: Account) -> None:
    account.denied = {actions()[0], actions()[-1]}
    assert all(action in missing(account)["permissions"] for action in account.denied)


@pytest.mark.parametrize(
    "zone",
    [
        {"Name": "example.com.", "Config": {"PrivateZone": False}},
        {"Name": "example.org.", "Config": {"PrivateZone": True}},
    ],
    ids=["of another domain", "private"],
)
def test_a_zone_that_can_not_hold_the_domain_is_told(account: Account, zone: dict[str, Any]) -> None:
    account.zone = zone
    assert "domain" in missing(account, domain="live.example.org", hostedZone="Z0123456789ABC")


def test_without_credentials_that_alone_is_told(account: Account) -> None:
    account.refuses = "ExpiredToken"
    assert set(found := missing(account)) == {"account"}
    assert "ExpiredToken" in found["account"]


def test_the_policy_changes_what_has_our_name_alone_where_names_can_be_given() -> None:
    found = {each["Sid"]: each for each in policy()["Statement"]}
    assert all(
        "voicestack" in resource for name in ("Iam", "S3", "Ecr") for resource in found[name]["Resource"]
    )
    assert not [action for each in found.values() for action in each["Action"] if action.endswith(":*")]
