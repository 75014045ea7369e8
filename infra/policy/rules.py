"""The policies, each a pure function: what is wrong with a resource, in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.release.names import COST_TAG, OWNER_TAG, SERVICE_TAG, STACK_TAG

SSH = 22
EVERYWHERE = ("0.0.0.0/0", "::/0")
TAGS = (STACK_TAG, SERVICE_TAG, OWNER_TAG, COST_TAG)
DIGEST = "@sha256:"
# Types of AWS that take no tags.
UNTAGGED = frozenset(
    {
        "aws:ec2/eipAssociation:EipAssociation",
        "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:ec2/volumeAttachment:VolumeAttachment",
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
    """A resource as a policy sees it: its inputs, and whether Pulumi protects it from deletion."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    protected: bool = False


@dataclass(frozen=True)
class Policy:
    """A policy: `find` yields what is wrong with a resource."""

    name: str
    description: str
    find: Callable[[Resource], Iterator[str]]


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
    elif resource.type in (
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    ):
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


def image_without_digest(resource: Resource) -> Iterator[str]:
    """An image in a release that could be another one tomorrow."""
    key = resource.inputs.get("key")
    if resource.type != "aws:s3/bucketObjectv2:BucketObjectv2" or not str(key).startswith("releases/"):
        return
    try:
        services = json.loads(resource.inputs["content"])["compose"]["services"]
    except (KeyError, TypeError, ValueError):
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
    if lacking := [tag for tag in TAGS if not tags.get(tag)]:
        yield f"it lacks the tags {', '.join(lacking)}"


POLICIES = (
    Policy("no-public-ssh", "Nobody logs in from everywhere.", public_ssh),
    Policy("safe-volumes", "Volumes are encrypted and protected from deletion.", unsafe_volume),
    Policy("images-by-digest", "A release names its images by digest.", image_without_digest),
    Policy("imdsv2", "Instances answer IMDSv2 alone.", credentials_for_anybody),
    Policy("tagged", "Everything on AWS says whose it is.", untagged),
)
