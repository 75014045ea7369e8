"""The policies, pure functions: what is wrong with a resource or a stack, in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.release.names import COST_TAG, OWNER_TAG, SERVICE_TAG, STACK_TAG

SSH = 22
EVERYWHERE = ("0.0.0.0/0", "::/0")
TAGS = (STACK_TAG, SERVICE_TAG, OWNER_TAG, COST_TAG)
DIGEST = "@sha256:"
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
CLOSED_BY = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
WITH_RULES_INSIDE = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)
# Types of AWS that take no tags.
UNTAGGED = frozenset(
    {
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:autoscaling/policy:Policy",
        "aws:ec2/eipAssociation:EipAssociation",
        "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:ec2/subnetCidrReservation:SubnetCidrReservation",
        "aws:ec2/volumeAttachment:VolumeAttachment",
        "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:route53/record:Record",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
    }
)


@dataclass(frozen=True)
class Resource:
    """A resource as a policy sees it: its inputs, and whether Pulumi protects it from deletion.

    `refers` has for an input the resources that it comes from, each as its `key`.
    """

    type: str
    name: str
    inputs: Mapping[str, Any]
    protected: bool = False
    refers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What others refer to it by."""
        return f"{self.type}::{self.name}"


def key_of(urn: str) -> str:
    """The key of the resource with that URN."""
    kind, _, name = urn.partition("::")[2].partition("::")[2].partition("::")
    return f"{kind.rpartition('$')[2]}::{name}"


@dataclass(frozen=True)
class Policy:
    """A policy: `find` yields what is wrong with a resource."""

    name: str
    description: str
    find: Callable[[Resource], Iterator[str]]


@dataclass(frozen=True)
class StackPolicy:
    """A policy about everything: `find` yields resources and what is wrong with each."""

    name: str
    description: str
    find: Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]


def public_ssh(resource: Resource) -> Iterator[str]:
    """Port 22 that is open to everybody."""
    for rule in ingress(resource):
        open_to = [cidr for cidr in rule.cidrs if cidr in EVERYWHERE]
        if open_to and rule.reaches(SSH):
            yield f"SSH is open to {open_to[0]}: name the addresses of those who log in (sshCidrs)"


@dataclass(frozen=True)
class Ingress:
    """Who comes in at which ports."""

    protocol: str
    first: int
    last: int
    cidrs: tuple[str, ...]

    def reaches(self, port: int) -> bool:
        """Whether a TCP connection to that port comes through."""
        return self.protocol == "-1" or (self.protocol in ("tcp", "6") and self.first <= port <= self.last)


def ingress(resource: Resource) -> Iterator[Ingress]:
    """The rules for what comes in, however they are written."""
    inputs = resource.inputs
    if resource.type == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
        cidrs = [inputs[key] for key in ("cidrIpv4", "cidrIpv6") if inputs.get(key)]
        yield rule(inputs, inputs.get("ipProtocol"), cidrs)
    elif resource.type == "aws:ec2/securityGroupRule:SecurityGroupRule" and inputs.get("type") == "ingress":
        yield rule(inputs, inputs.get("protocol"), blocks(inputs))
    elif resource.type in WITH_RULES_INSIDE:
        for each in inputs.get("ingress") or []:
            yield rule(each, each.get("protocol"), blocks(each))


def blocks(inputs: Mapping[str, Any]) -> list[str]:
    """The ranges of a rule that is written with lists."""
    return [*(inputs.get("cidrBlocks") or []), *(inputs.get("ipv6CidrBlocks") or [])]


def rule(inputs: Mapping[str, Any], protocol: Any, cidrs: list[str]) -> Ingress:
    """A rule; without ports it is for all of them."""
    first, last = inputs.get("fromPort"), inputs.get("toPort")
    return Ingress(
        protocol=str(protocol).lower().replace("all", "-1"),
        first=0 if first in (None, -1) else int(first),
        last=65535 if last in (None, -1) else int(last),
        cidrs=tuple(cidrs),
    )


def unsafe_volume(resource: Resource) -> Iterator[str]:
    """A disk that is not encrypted, or a volume that a slip could delete."""
    inputs = resource.inputs
    if resource.type == "aws:ebs/volume:Volume":
        if inputs.get("encrypted") is not True:
            yield "the volume is not encrypted: set encrypted"
        if not resource.protected:
            yield "the volume is not protected: set the option protect"
    if resource.type == "aws:ec2/instance:Instance":
        if (inputs.get("rootBlockDevice") or {}).get("encrypted") is not True:
            yield "the root disk is not encrypted: set rootBlockDevice.encrypted"
        for device in inputs.get("ebsBlockDevices") or []:
            if device.get("encrypted") is not True:
                yield f"the disk {device.get('deviceName')} is not encrypted: set encrypted"
    if resource.type == "aws:ec2/launchTemplate:LaunchTemplate":
        for device in inputs.get("blockDeviceMappings") or []:
            if str((device.get("ebs") or {}).get("encrypted")).lower() != "true":
                yield f"the disk {device.get('deviceName')} is not encrypted: set ebs.encrypted"


def image_without_digest(resource: Resource) -> Iterator[str]:
    """An image in a release that could be another one tomorrow."""
    key = resource.inputs.get("key")
    if resource.type != "aws:s3/bucketObjectv2:BucketObjectv2" or not str(key).startswith("releases/"):
        return
    try:
        bundle = json.loads(resource.inputs["content"])
        parts = {"": bundle, **bundle.get("hosts", {})}
        services = {
            f"{name} of {host}" if host else name: service
            for host, part in parts.items()
            for name, service in part["compose"]["services"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        yield f"{key} is no bundle of a release: it has no services"
        return
    for name, service in services.items():
        image = service.get("image", "")
        if DIGEST not in image:
            yield f"the service {name} runs {image or 'no image'}: name the image by its digest"


def credentials_for_anybody(resource: Resource) -> Iterator[str]:
    """An instance whose credentials any request from inside could fetch."""
    if resource.type not in ("aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"):
        return
    if (resource.inputs.get("metadataOptions") or {}).get("httpTokens") != "required":
        yield "the instance answers IMDSv1: set metadataOptions.httpTokens to required"


def untagged(resource: Resource) -> Iterator[str]:
    """Something on AWS that nobody knows the owner of."""
    if not resource.type.startswith("aws:") or resource.type in UNTAGGED:
        return
    tags = resource.inputs.get("tags") or {}
    if isinstance(tags, list):
        # Those of a group, each with whether its hosts have it too.
        tags = {each.get("key"): each.get("value") for each in tags}
    if lacking := [tag for tag in TAGS if not tags.get(tag)]:
        yield f"it lacks the tags {', '.join(lacking)}"


def door_without_reason(resource: Resource) -> Iterator[str]:
    """A door of which nobody knows what it is for."""
    inputs = resource.inputs
    if resource.type == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule" and not inputs.get(
        "description"
    ):
        yield "the rule does not say what it is for: set description"
    if resource.type in WITH_RULES_INSIDE and inputs.get("ingress"):
        yield "rules inside of a group and those beside it undo each other: make them resources of their own"


def open_buckets(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Buckets that a policy of theirs could come to open."""
    closed = {
        key
        for each in resources
        if each.type == PUBLIC_ACCESS_BLOCK and all(each.inputs.get(flag) is True for flag in CLOSED_BY)
        for key in each.refers.get("bucket", ())
    }
    for each in resources:
        if each.type == "aws:s3/bucket:Bucket" and each.key not in closed:
            yield (
                each,
                f"anybody could be let in: give it a BucketPublicAccessBlock with {', '.join(CLOSED_BY)}",
            )


def volumes_without_snapshots(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Volumes that no snapshot is taken of."""
    taken = [
        (each.inputs.get("policyDetails") or {}).get("targetTags") or {}
        for each in resources
        if each.type == "aws:dlm/lifecyclePolicy:LifecyclePolicy" and each.inputs.get("state") == "ENABLED"
    ]
    for each in resources:
        tags = each.inputs.get("tags") or {}
        if each.type == "aws:ebs/volume:Volume" and not any(
            wanted and wanted.items() <= tags.items() for wanted in taken
        ):
            yield each, "no snapshot is taken of it: give it the tags that a LifecyclePolicy looks for"


STACK_POLICIES = (
    StackPolicy("closed-buckets", "No bucket can be opened to everybody.", open_buckets),
    StackPolicy("snapshots", "Snapshots are taken of every volume.", volumes_without_snapshots),
)
POLICIES = (
    Policy("no-public-ssh", "Nobody logs in from everywhere.", public_ssh),
    Policy("safe-volumes", "Volumes are encrypted and protected from deletion.", unsafe_volume),
    Policy("images-by-digest", "A release names its images by digest.", image_without_digest),
    Policy("imdsv2", "Instances answer IMDSv2 alone.", credentials_for_anybody),
    Policy("doors-with-reason", "Each rule that lets somebody in says what for.", door_without_reason),
    Policy("tagged", "Everything on AWS says whose it is.", untagged),
)
