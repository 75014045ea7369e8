"""Each policy stops the program that breaks it, and leaves the one that does not alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.policy.rules import (
    CLOSED_BY,
    POLICIES,
    PUBLIC_ACCESS_BLOCK,
    STACK_POLICIES,
    TAGS,
    Resource,
    key_of,
)
from tests.unit.infra.aws.given_values import chosen
from tests.unit.infra.aws.recorded import stack

RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
BUCKET = "aws:s3/bucket:Bucket"
SNAPSHOTS = "aws:dlm/lifecyclePolicy:LifecyclePolicy"
BUNDLE = "aws:s3/bucketObjectv2:BucketObjectv2"


def found(name: str, kind: str, inputs: dict[str, Any], *, protected: bool = False) -> list[str]:
    """What a policy says about a resource."""
    policy = next(policy for policy in POLICIES if policy.name == name)
    return list(policy.find(Resource(kind, "it", inputs, protected)))


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        (RULE, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}),
        (RULE, {"ipProtocol": "tcp", "fromPort": 1, "toPort": 1024, "cidrIpv6": "::/0"}),
        (RULE, {"ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"}),
        (OLD_RULE, {"type": "ingress", "protocol": "tcp", "fromPort": 22, "toPort": 22,
                    "cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"]}),
        (OLD_RULE, {"type": "ingress", "protocol": "all", "fromPort": 0, "toPort": 0,
                    "cidrBlocks": ["0.0.0.0/0"]}),
        (GROUP, {"ingress": [{"protocol": "tcp", "fromPort": 22, "toPort": 22,
                              "ipv6CidrBlocks": ["::/0"]}]}),
    ],
)  # fmt: skip
def test_ssh_from_everywhere_is_stopped(kind: str, inputs: dict[str, Any]) -> None:
    assert "sshCidrs" in found("no-public-ssh", kind, inputs)[0]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        (RULE, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "198.51.100.0/24"}),
        (RULE, {"ipProtocol": "tcp", "fromPort": 1935, "toPort": 1935, "cidrIpv4": "0.0.0.0/0"}),
        (RULE, {"ipProtocol": "udp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}),
        (OLD_RULE, {"type": "egress", "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}),
        (GROUP, {}),
    ],
)
def test_other_doors_are_left_alone(kind: str, inputs: dict[str, Any]) -> None:
    assert found("no-public-ssh", kind, inputs) == []


def test_a_volume_is_encrypted_and_protected() -> None:
    assert len(found("safe-volumes", VOLUME, {})) == 2
    assert "protect" in found("safe-volumes", VOLUME, {"encrypted": True})[0]
    assert "encrypted" in found("safe-volumes", VOLUME, {"encrypted": False}, protected=True)[0]
    assert found("safe-volumes", VOLUME, {"encrypted": True}, protected=True) == []


def test_the_disks_of_an_instance_are_encrypted() -> None:
    root = {"rootBlockDevice": {"encrypted": True}}
    assert "root" in found("safe-volumes", INSTANCE, {})[0]
    assert (
        "/dev/sdg"
        in found("safe-volumes", INSTANCE, {**root, "ebsBlockDevices": [{"deviceName": "/dev/sdg"}]})[0]
    )
    assert found("safe-volumes", INSTANCE, root) == []


def bundle(image: str) -> dict[str, Any]:
    """The bundle of a release with one service."""
    return {
        "key": "releases/speech/1.json",
        "content": json.dumps({"compose": {"services": {"sts": {"image": image}}}}),
    }


def test_a_release_names_images_by_digest() -> None:
    assert "sts" in found("images-by-digest", BUNDLE, bundle("registry.example.org/speech:1.2.0"))[0]
    assert found("images-by-digest", BUNDLE, bundle("registry.example.org/speech@sha256:00")) == []
    assert (
        "no bundle" in found("images-by-digest", BUNDLE, {"key": "releases/speech/1.json", "content": "?"})[0]
    )
    assert found("images-by-digest", BUNDLE, {"key": "elsewhere.txt", "content": "?"}) == []


def test_an_instance_answers_imdsv2_alone() -> None:
    assert found("imdsv2", INSTANCE, {}) != []
    assert found("imdsv2", INSTANCE, {"metadataOptions": {"httpTokens": "optional"}}) != []
    assert found("imdsv2", INSTANCE, {"metadataOptions": {"httpTokens": "required"}}) == []


def test_what_takes_tags_has_them() -> None:
    tags = dict.fromkeys(TAGS, "x")
    assert "owner" in found("tagged", "aws:ec2/vpc:Vpc", {"tags": {**tags, "owner": ""}})[0]
    assert found("tagged", "aws:ec2/vpc:Vpc", {"tags": tags}) == []
    assert found("tagged", "aws:ec2/route:Route", {}) == []
    assert found("tagged", "docker:index/volume:Volume", {}) == []


def test_a_door_says_what_it_is_for() -> None:
    assert "description" in found("doors-with-reason", RULE, {"ipProtocol": "tcp"})[0]
    assert found("doors-with-reason", RULE, {"description": "who publishes"}) == []
    assert "undo" in found("doors-with-reason", GROUP, {"ingress": [{"protocol": "tcp"}]})[0]


def wrong(name: str, *resources: Resource) -> list[str]:
    """The resources that a policy about everything finds something wrong with."""
    policy = next(policy for policy in STACK_POLICIES if policy.name == name)
    return [resource.name for resource, _ in policy.find(resources)]


def test_every_bucket_is_closed_by_a_block_of_its_own() -> None:
    one, other = Resource(BUCKET, "one", {}), Resource(BUCKET, "other", {})
    block = Resource(PUBLIC_ACCESS_BLOCK, "one", dict.fromkeys(CLOSED_BY, True), refers={"bucket": [one.key]})
    assert wrong("closed-buckets", one, other, block) == ["other"]
    half = replace(block, inputs={**block.inputs, CLOSED_BY[0]: False})
    assert wrong("closed-buckets", one, half) == ["one"]


def test_every_volume_has_the_tags_that_snapshots_are_taken_by() -> None:
    kept, forgotten = (
        Resource(VOLUME, "kept", {"tags": {"snapshots": "prod", "a": "b"}}),
        Resource(VOLUME, "not", {}),
    )
    taken = Resource(
        SNAPSHOTS, "daily", {"state": "ENABLED", "policyDetails": {"targetTags": {"snapshots": "prod"}}}
    )
    assert wrong("snapshots", kept, forgotten, taken) == ["not"]
    assert wrong("snapshots", kept, replace(taken, inputs={**taken.inputs, "state": "DISABLED"})) == ["kept"]


def test_what_refers_to_what_is_known_by_type_and_name() -> None:
    urn = "urn:pulumi:prod::voicestack::voicestack:aws:Bucket$aws:s3/bucket:Bucket::releases"
    assert key_of(urn) == Resource(BUCKET, "releases", {}).key


def test_production_itself_breaks_none() -> None:
    everything = {"alarmEmail": "ops@example.org", "domain": "live.example.org",
                  "hostedZone": "Z0123456789ABC", "logs": "true"}  # fmt: skip
    made = stack(chosen(**everything))
    broken = [
        (policy.name, name, problem)
        for (kind, name), inputs in made.made.items()
        for policy in POLICIES
        for problem in policy.find(Resource(kind, name, inputs, made.options[kind, name].protect))
    ]
    assert broken == []
    resources = [
        Resource(kind, made.options[kind, name].name, inputs, refers=referred(made.options[kind, name]))
        for (kind, name), inputs in made.made.items()
    ]
    assert [each for policy in STACK_POLICIES for each in policy.find(resources)] == []
    assert {BUCKET, VOLUME} <= {each.type for each in resources}


def referred(options: Any) -> dict[str, list[str]]:
    """What each input of a resource comes from, as the engine was told."""
    return {name: [key_of(urn) for urn in each.urns] for name, each in options.propertyDependencies.items()}
