"""`python -m infra.aws.ready`: asks an account what a deployment would fail at, before it is begun.

Instance types and quotas, machine images, what the deployer may do, an address, the domain: what a preview
can't know, and an emulator of AWS takes as it comes. Nothing is made.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from app.native.finding import Finding, show
from app.release import names
from infra.aws.config import ROOT_DEVICE, AwsConfig, HostConfig
from infra.aws.deployer import actions
from infra.aws.read import ARM, read
from infra.config import ROOT, ConfigError
from infra.given import PROJECT

Client = Callable[[str], Any]
Check = Callable[[AwsConfig, Client], Iterator[Finding]]

QUOTAS = {
    ("standard", False): ("L-1216C47A", "Running On-Demand Standard instances"),
    ("standard", True): ("L-34B43A08", "All Standard Spot Instance Requests"),
    ("g", False): ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    ("g", True): ("L-3819A6DF", "All G and VT Spot Instance Requests"),
    ("p", False): ("L-417A185B", "Running On-Demand P instances"),
    ("p", True): ("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests"),
}
"""Quotas of virtual processors, by kind of instance and whether it is spot (AWS's table of EC2 quotas)."""
ADDRESSES = "L-0263D0A3"
AT_ONCE = 100
"""Actions that the simulator is asked about in one question."""
ROLE = re.compile(r"arn:(?P<part>[a-z-]+):sts::(?P<account>\d+):assumed-role/(?P<name>[^/]+)/.*")


class NotReadable(RuntimeError):
    """The stack's configuration can't be had; the message says why."""


def account(_: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Who asks."""
    yield Finding("account", "ok", str(ask("sts").get_caller_identity()["Arn"]))


def zone(config: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Whether the zones are there."""
    for name in config.networks:
        found = ask("ec2").describe_availability_zones(Filters=[{"Name": "zone-name", "Values": [name]}])[
            "AvailabilityZones"
        ]
        if found and found[0]["State"] == "available":
            yield Finding("zone", "ok", name)
        else:
            yield Finding("zone", "missing", f"{name} is not open to this account", "Name another zone.")


def types(config: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Whether the zones have the instance types."""
    for kind, place in sorted({(host.instance_type, host.zone) for host in config.kinds}):
        filters = [
            {"Name": "location", "Values": [place]},
            {"Name": "instance-type", "Values": [kind]},
        ]
        offered = ask("ec2").describe_instance_type_offerings(
            LocationType="availability-zone", Filters=filters
        )["InstanceTypeOfferings"]
        if offered:
            yield Finding("instance type", "ok", f"{kind} in {place}")
        else:
            yield Finding(
                "instance type",
                "missing",
                f"{place} has no {kind}",
                "Name another type or another zone.",
            )


def machine_images(config: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Whether the machine images are there, for the right processor, and fit onto the root volume."""
    for ami, host in {host.ami: host for host in config.kinds}.items():
        found = ask("ec2").describe_images(Filters=[{"Name": "image-id", "Values": [ami]}])["Images"]
        remedy = "Pin the newest: .venv/bin/python -m infra.aws.images --write"
        if not found or found[0].get("State", "available") != "available":
            yield Finding("machine image", "missing", f"{ami} is not in {config.region}", remedy)
            continue
        image, wanted = found[0], "arm64" if ARM.match(host.instance_type) else "x86_64"
        size = max(
            (each.get("Ebs", {}).get("VolumeSize", 0) for each in image["BlockDeviceMappings"]), default=0
        )
        if image["Architecture"] != wanted:
            detail = f"{ami} is for {image['Architecture']}, {host.instance_type} is {wanted}"
            yield Finding("machine image", "missing", detail, remedy)
        elif size > host.root:
            detail = f"{ami} needs {size} GB, the root volume of {host.name} has {host.root}"
            yield Finding("machine image", "missing", detail, remedy)
        elif not host.address and image.get("RootDeviceName", ROOT_DEVICE) != ROOT_DEVICE:
            detail = f"{ami} boots from {image['RootDeviceName']}, a pool's hosts from {ROOT_DEVICE}"
            yield Finding("machine image", "missing", detail, remedy)
        else:
            yield Finding("machine image", "ok", f"{ami} ({image.get('Name', 'without a name')})")


def quotas(config: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Whether as many processors may run as the hosts have, beside what runs already."""
    ec2 = ask("ec2")
    running = [
        each
        for page in ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        )
        for reservation in page["Reservations"]
        for each in reservation["Instances"]
        if {"Key": names.STACK_TAG, "Value": config.stack} not in each.get("Tags", [])
    ]
    kinds = {each["InstanceType"] for each in running} | {host.instance_type for host in config.kinds}
    processors = {
        each["InstanceType"]: each["VCpuInfo"]["DefaultVCpus"]
        for each in ec2.describe_instance_types(InstanceTypes=sorted(kinds))["InstanceTypes"]
    }
    used = Counter[tuple[str, bool]]()
    for each in running:
        used[family(each["InstanceType"]), "InstanceLifecycle" in each] += processors[each["InstanceType"]]
    wanted = Counter[tuple[str, bool]]()
    for host in config.hosts:
        wanted[quota_of(host)] += processors[host.instance_type]
    if config.pool:
        host = config.pool.host
        wanted[quota_of(host)] += config.pool.most * processors[host.instance_type]
    for key, count in wanted.items():
        code, name = QUOTAS[key]
        limit = quota(ask, code)
        detail = f"{name}: {count} processors wanted, {used[key]} in use, {limit:g} allowed"
        enough = count + used[key] <= limit
        yield Finding(
            "quota",
            "ok" if enough else "missing",
            detail,
            "" if enough else f"Ask for more at Service Quotas (ec2, {code}); it takes a day or two.",
        )


def family(instance_type: str) -> str:
    """The kind of instance that its quota goes by."""
    return {"g": "g", "p": "p", "v": "g"}.get(instance_type[0], "standard")


def quota_of(host: HostConfig) -> tuple[str, bool]:
    """The quota that a host counts towards."""
    return family(host.instance_type), host.spot


def quota(ask: Client, code: str) -> float:
    """A quota of EC2 in this account and region."""
    return float(ask("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"])


def address(config: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Whether there may be an Elastic IP for each streaming host, or the stack has its own already."""
    found = ask("ec2").describe_addresses()["Addresses"]
    own = {"Key": names.STACK_TAG, "Value": config.stack}
    wanted = len(config.cells) - sum(own in each.get("Tags", []) for each in found)
    if wanted <= 0:
        yield Finding("Elastic IP", "ok", "the stack has its own")
        return
    limit = quota(ask, ADDRESSES)
    enough = len(found) + wanted <= limit
    yield Finding(
        "Elastic IP",
        "ok" if enough else "missing",
        f"{len(found)} in use, {wanted} wanted, {limit:g} allowed",
        "" if enough else f"Release some, or ask for more at Service Quotas (ec2, {ADDRESSES}).",
    )


def permissions(_: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Whether the one who asks may do what a deployment does, as IAM's simulator says."""
    arn = str(ask("sts").get_caller_identity()["Arn"])
    if role := ROLE.fullmatch(arn):
        arn = f"arn:{role['part']}:iam::{role['account']}:role/{role['name']}"
    every, denied = actions(), []
    for start in range(0, len(every), AT_ONCE):
        answer = ask("iam").simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=every[start : start + AT_ONCE]
        )
        denied += [
            each["EvalActionName"]
            for each in answer["EvaluationResults"]
            if each["EvalDecision"] != "allowed"
        ]
    if denied:
        remedy = "Give it the policy that `.venv/bin/python -m infra.aws.deployer` prints."
        yield Finding("permissions", "missing", f"may not {', '.join(denied)}", remedy)
    else:
        yield Finding("permissions", "ok", f"all {len(every)} actions of a deployment")


def domain(config: AwsConfig, ask: Client) -> Iterator[Finding]:
    """Whether the hosted zone is this account's, public, and holds the domain."""
    if not config.domain:
        return
    held = ask("route53").get_hosted_zone(Id=config.hosted_zone)["HostedZone"]
    zone_name = str(held["Name"]).rstrip(".")
    if held["Config"].get("PrivateZone"):
        yield Finding(
            "domain", "missing", f"{config.hosted_zone} is private: no browser finds it", "Name a public one."
        )
    elif config.domain != zone_name and not config.domain.endswith(f".{zone_name}"):
        detail = f"{config.hosted_zone} holds {zone_name}, which {config.domain} is not under"
        yield Finding("domain", "missing", detail, "Name the zone that holds the domain.")
    else:
        yield Finding("domain", "ok", f"{config.domain} in {zone_name}")


CHECKS: Mapping[str, Check] = {
    "account": account,
    "zone": zone,
    "instance type": types,
    "machine image": machine_images,
    "quota": quotas,
    "Elastic IP": address,
    "permissions": permissions,
    "domain": domain,
}


def examine(config: AwsConfig, ask: Client) -> list[Finding]:
    """Everything that was found out; what could not be asked is a warning."""
    found: list[Finding] = []
    for subject, check in CHECKS.items():
        try:
            found += check(config, ask)
        except (BotoCoreError, ClientError) as problem:
            found.append(Finding(subject, "warning", f"AWS can't be asked: {problem}"))
            if subject == "account":
                # Without credentials nothing else can be asked either.
                break
    return found


def configured(stack: str) -> AwsConfig:
    """The stack's configuration. Raises NotReadable; ConfigError names everything that is wrong in it."""
    command = ["pulumi", "config", "--json", "--show-secrets", "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotReadable("Pulumi is not on PATH: `make doctor STACK=prod` brings its own") from None
    if done.returncode != 0:
        raise NotReadable(done.stderr.strip())
    values = {key: str(each.get("value", "")) for key, each in json.loads(done.stdout).items()}
    own = {
        key.removeprefix(f"{PROJECT}:"): value
        for key, value in values.items()
        if key.startswith(f"{PROJECT}:")
    }
    config = read(stack, own, values.get("aws:region", ""), ROOT / ".env")
    return replace(config, profile=values.get("aws:profile", ""))


def main() -> int:
    """Says what a deployment of the stack would fail at; 1 where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.ready", description=main.__doc__)
    parser.add_argument("--stack", default="prod", help="whose file, envs/Pulumi.<stack>.yaml (prod)")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    asked = parser.parse_args()
    try:
        config = configured(asked.stack)
    except (ConfigError, NotReadable) as problem:
        print(problem, file=sys.stderr)
        return 2
    session = boto3.Session(profile_name=config.profile or None, region_name=config.region)
    return show(examine(config, session.client), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
