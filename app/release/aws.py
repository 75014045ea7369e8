"""A stack's hosts, and commands run on them: a thin edge over boto3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from app.release import names
from app.release.names import Role

POLL = 2.0
UNDER_WAY = ("Pending", "InProgress", "Delayed", "Cancelling")
FOUND_WITHIN = 60.0


class HostsError(RuntimeError):
    """Hosts can't be found or don't answer; the message says what to do."""


@dataclass(frozen=True)
class Host:
    """A running instance of a stack. `public` is empty where it has no public address."""

    instance: str
    name: str
    role: Role
    private: str
    public: str


@dataclass(frozen=True)
class Outcome:
    """How a command ended on a host, and what it said."""

    host: Host
    ok: bool
    said: str


def hosts(ec2: Any, stack: str, role: str = "") -> list[Host]:
    """The running hosts of a stack, speech first, which the streaming host needs. Raises HostsError."""
    filters = [
        {"Name": f"tag:{names.STACK_TAG}", "Values": [stack]},
        {"Name": "instance-state-name", "Values": ["running"]},
        *([{"Name": f"tag:{names.ROLE_TAG}", "Values": [role]}] if role else []),
    ]
    pages = ec2.get_paginator("describe_instances").paginate(Filters=filters)
    found = [
        host(instance)
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]
    if not found:
        raise HostsError(
            f"no running host has the tag {names.STACK_TAG}={stack}: is the stack's name right, and are "
            "AWS_PROFILE and AWS_REGION those of its account?"
        )
    return sorted(found, key=lambda each: (each.role, each.name))


def host(instance: dict[str, Any]) -> Host:
    """A host from what EC2 says of an instance."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return Host(
        instance["InstanceId"],
        tags.get(names.HOST_TAG, instance["InstanceId"]),
        cast(Role, tags.get(names.ROLE_TAG, "streaming")),
        instance.get("PrivateIpAddress", ""),
        instance.get("PublicIpAddress", ""),
    )


def told(ssm: Any, stack: str, role: Role) -> list[tuple[str, datetime]]:
    """Every value that a role's release parameter has had, and when; nothing without such a parameter."""
    pages = ssm.get_paginator("get_parameter_history")
    name = names.release_parameter(stack, role)
    try:
        return [
            (each["Value"], each["LastModifiedDate"])
            for page in pages.paginate(Name=name)
            for each in page["Parameters"]
        ]
    except ssm.exceptions.ParameterNotFound:
        return []


def want(ssm: Any, stack: str, role: Role, key: str) -> None:
    """Names the release that the hosts of a role are to run."""
    ssm.put_parameter(Name=names.release_parameter(stack, role), Value=key, Type="String", Overwrite=True)


def run(
    ssm: Any, chosen: list[Host], command: str, within: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Outcome]:
    """Runs a command on hosts through Run Command; gives each outcome as soon as it is known."""
    sent = ssm.send_command(
        InstanceIds=[each.instance for each in chosen],
        DocumentName="AWS-RunShellScript",
        Comment="Voicestack",
        Parameters={"commands": [command], "executionTimeout": [f"{within:.0f}"]},
    )["Command"]["CommandId"]
    waiting = {each.instance: each for each in chosen}
    deadline = time.monotonic() + within + FOUND_WITHIN
    while waiting:
        for instance, each in list(waiting.items()):
            try:
                answer = ssm.get_command_invocation(CommandId=sent, InstanceId=instance)
            except ssm.exceptions.InvocationDoesNotExist:
                # Not on its way yet.
                continue
            if answer["Status"] in UNDER_WAY:
                continue
            del waiting[instance]
            said = answer["StandardOutputContent"] + answer["StandardErrorContent"]
            yield Outcome(each, answer["Status"] == "Success", said.strip() or answer["StatusDetails"])
        if waiting and time.monotonic() > deadline:
            for each in waiting.values():
                yield Outcome(each, False, f"no answer within {within:g} s")
            return
        if waiting:
            sleep(POLL)
