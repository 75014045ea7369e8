"""Hosts are brought to their release, and `up` ends only once they are healthy.

They are asked anew on every `up`, as the local stack's containers are: a host that was well an hour ago may
not be so now.
It goes through Run Command, so that nobody has to log in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import boto3
import pulumi
from pulumi_aws import autoscaling

from app.release import aws, names
from app.service import hide_credentials
from infra.aws.config import AwsConfig, HostConfig, PoolConfig

ONLINE_WITHIN = 900.0
CONVERGED_WITHIN = 3600.0
STOPPED = "stopped by AWS"
POLL = 5.0
FIRST_LOOK = 0.2  # a host that has nothing to do answers soon
PROGRESS_EVERY = 10.0
PROGRESS_WITHIN = 30.0
PROGRESS = "cat /run/voicestack/progress 2> /dev/null || tail -n 1 /var/log/cloud-init-output.log"
# A host that boots for the first time is still being prepared when its agent answers already.
COMMAND = f"""\
cloud-init status --wait > /dev/null || true
if [ ! -x {names.CONVERGE} ]; then
  echo "this host could not be prepared; the end of its /var/log/cloud-init-output.log:"
  tail -n 20 /var/log/cloud-init-output.log
  exit 1
fi
exec {names.CONVERGE}"""

Say = Callable[[str], None]


class RolloutFailed(pulumi.RunError):
    """A host did not get healthy with its release; the message is in the host's own words."""


def roll_out(
    config: AwsConfig,
    host: HostConfig,
    instance: pulumi.Output[str],
    resource: pulumi.Resource,
    after: Sequence[pulumi.Input[Any]],
) -> pulumi.Output[str]:
    """Brings a host to its release as soon as everything in `after` is known; gives how it is then.

    A spot host that AWS has stopped is passed over: it comes to its release when it boots.
    """

    def act(session: boto3.Session, say: Say, instance_id: str) -> str:
        if host.spot and stopped(session.client("ec2"), instance_id):
            say(f"{host.name}: AWS has stopped it; it takes the release when it starts again")
            return STOPPED
        chosen = aws.Host(instance_id, host.name, host.role, host.address, "")
        return converge(session.client("ssm"), chosen, say)

    return pulumi.Output.all(instance, *after).apply(lambda known: asked(config, resource, act, known[0]))


def roll_out_pool(config: AwsConfig, pool: PoolConfig, group: autoscaling.Group) -> pulumi.Output[str]:
    """Brings the hosts of a pool to their release, one after the other; gives how they are then.

    Those that the group starts later come to it by themselves.
    """

    def act(session: boto3.Session, say: Say, name: str) -> str:
        return converge_pool(session.client("autoscaling"), session.client("ssm"), name, pool.least, say)

    return group.name.apply(lambda name: asked(config, group, act, name))


async def asked(
    config: AwsConfig, resource: pulumi.Resource, act: Callable[[boto3.Session, Say, str], str], name: str
) -> str:
    """What `act` gives, which talks to AWS for as long as it takes; in a preview nobody is asked."""
    if pulumi.runtime.is_dry_run():
        return "not asked"
    loop = asyncio.get_running_loop()

    def say(text: str) -> None:
        loop.call_soon_threadsafe(lambda: pulumi.log.info(text, resource, ephemeral=True))

    session = boto3.Session(profile_name=config.profile or None, region_name=config.region)
    return await asyncio.to_thread(act, session, say, name)


def converge_pool(
    groups: Any, ssm: Any, name: str, least: int, say: Say, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Has every host of a group bring its release up, as soon as there are as many as there have to be.

    One that is ended meanwhile is no failure. Returns `healthy`. Raises RolloutFailed.
    """
    done: set[str] = set()
    deadline = time.monotonic() + ONLINE_WITHIN
    while True:
        there = members(groups, name)
        fresh = [each for each in there if each not in done]
        if not fresh and len(there) >= least:
            return "healthy"
        for instance in fresh:
            try:
                converge(ssm, aws.Host(instance, f"speech-{instance}", "speech", "", ""), say, sleep)
            except RolloutFailed:
                if instance in members(groups, name):
                    raise
                say(f"speech-{instance}: it has left the pool")
            done.add(instance)
        if not fresh:
            if time.monotonic() > deadline:
                raise RolloutFailed(
                    f"the group {name} has {len(there)} of {least} hosts within {ONLINE_WITHIN:g} s: "
                    "its activity in EC2's console says why none is started (quota, room for spot?)"
                )
            say(f"{name}: waiting for its hosts to be started")
            sleep(POLL)


def members(groups: Any, name: str) -> list[str]:
    """The instances of a group that are of use, or will be."""
    found = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return [
        each["InstanceId"]
        for group in found
        for each in group["Instances"]
        if each["LifecycleState"] == "InService" or each["LifecycleState"].startswith("Pending")
    ]


def stopped(ec2: Any, instance: str) -> bool:
    """Whether an instance does not run for now, as a spot instance while AWS has no room for it."""
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found["State"]["Name"] in ("stopping", "stopped")


def converge(ssm: Any, host: aws.Host, say: Say, sleep: Callable[[float], None] = time.sleep) -> str:
    """Waits for the host's agent, has it bring the release up, and says meanwhile how far it is.

    Returns `healthy`. Raises RolloutFailed.
    """
    wait_online(ssm, host, say, sleep)
    watch = Progress(ssm, host, say, sleep)
    outcome = next(aws.run(ssm, [host], COMMAND, CONVERGED_WITHIN, watch))
    said = hide_credentials(outcome.said)
    if not outcome.ok:
        raise RolloutFailed(f"{host.name} ({host.instance}) is not healthy with its release:\n{said}")
    say(f"{host.name}: healthy")
    return "healthy"


def wait_online(ssm: Any, host: aws.Host, say: Say, sleep: Callable[[float], None]) -> None:
    """Waits until the host's agent answers. Raises RolloutFailed where it does not in time."""
    filters = [{"Key": "InstanceIds", "Values": [host.instance]}]
    deadline = time.monotonic() + ONLINE_WITHIN
    while True:
        found = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        if found and found[0]["PingStatus"] == "Online":
            return
        if time.monotonic() > deadline:
            raise RolloutFailed(
                f"{host.name} ({host.instance}) has not reported to Systems Manager within "
                f"{ONLINE_WITHIN:g} s: does it boot (EC2's system log), and has it a way out?"
            )
        say(f"{host.name}: waiting for it to boot")
        sleep(POLL)


class Progress:
    """Called between two looks at a command: now and then it fetches what the host says, and tells it on."""

    def __init__(self, ssm: Any, host: aws.Host, say: Say, sleep: Callable[[float], None]) -> None:
        self.ssm, self.host, self.say, self.sleep = ssm, host, say, sleep
        self.due = time.monotonic() + PROGRESS_EVERY
        self.pause = FIRST_LOOK
        self.last = ""

    def __call__(self, seconds: float) -> None:
        if time.monotonic() >= self.due:
            outcome = next(aws.run(self.ssm, [self.host], PROGRESS, PROGRESS_WITHIN, self.sleep))
            line = (hide_credentials(outcome.said).splitlines() or [""])[-1]
            if outcome.ok and line != self.last:
                self.say(line if line.startswith(self.host.name) else f"{self.host.name}: {line}")
                self.last = line
            self.due = time.monotonic() + PROGRESS_EVERY
        self.sleep(min(seconds, self.pause))
        self.pause *= 2
