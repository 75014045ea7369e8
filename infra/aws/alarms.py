"""What is watched: the hosts themselves, their disks, the health of their services, and whom it tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, sns

from app.release import names
from infra.aws.config import AwsConfig, HostConfig
from infra.aws.tags import of_hosts
from infra.component import Component

FULL = 85.0  # percent
EC2 = "AWS/EC2"
OWN_DISKS = re.compile(r"(d|h|i|im|is)\d|[a-z]+\d+[a-z]*d[a-z-]*\.")
MOVED = "EC2 moves the host to another one"
LEFT = "stop and start the host, which moves it to another one"


@dataclass(frozen=True)
class Alarm:
    """An alarm of one host: `action` is what EC2 does by itself, `minutes` how long it has to last."""

    name: str
    metric: str
    namespace: str
    threshold: float
    minutes: int
    meaning: str
    action: str = ""
    missing: str = "breaching"


def alarms(stack: str, host: HostConfig) -> list[Alarm]:
    """The alarms of a host.

    A failing machine below it moves it to another one where AWS can; a system that does not answer restarts.
    Hosts of a pool have theirs together, about no single instance: the group replaces those that fail.
    """
    measured = names.metrics(stack, host.role)
    found = [
        Alarm(
            name=f"{host.name}-machine",
            metric="StatusCheckFailed_System",
            namespace=EC2,
            threshold=0,
            minutes=2,
            meaning=f"The machine under the host fails; {MOVED if moved(host) else LEFT}.",
            action="recover" if moved(host) else "",
            missing="missing",
        ),
        Alarm(
            name=f"{host.name}-system",
            metric="StatusCheckFailed_Instance",
            namespace=EC2,
            threshold=0,
            minutes=3,
            meaning="The host's system does not answer; EC2 restarts it.",
            action="reboot",
            missing="missing",
        ),
        Alarm(
            name=f"{host.name}-disk",
            metric=names.DISK_METRIC,
            namespace=measured,
            threshold=FULL,
            minutes=5,
            meaning=f"A disk of the host is more than {FULL:g} % full.",
            missing="notBreaching",
        ),
        Alarm(
            name=f"{host.name}-health",
            metric=names.HEALTH_METRIC,
            namespace=measured,
            threshold=0,
            minutes=5,
            meaning="A service of the host is not healthy, or the host has fallen silent.",
        ),
    ]
    return found if host.address else [each for each in found if each.namespace != EC2]


def moved(host: HostConfig) -> bool:
    """Whether EC2 moves the host by itself: no spot instance, and none with disks of its own.

    EC2's types say so by a d after the generation's number; those for storage and with a GPU have such disks
    too.
    """
    return not (host.spot or host.gpu or OWN_DISKS.match(host.instance_type))


@dataclass(frozen=True)
class AlarmsArgs:
    """The host, its instance, and the topic that is told; None tells nobody."""

    config: AwsConfig
    host: HostConfig
    instance: pulumi.Input[str]
    topic: sns.Topic | None = None


class Alarms(Component):
    """The alarms of a host. `health` is the one that tells whether its services are healthy."""

    health: cloudwatch.MetricAlarm

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        config, host, topic = args.config, args.host, args.topic
        super().__init__("aws:Alarms", name, of_hosts(opts, host.role, host.name))
        for alarm in alarms(config.stack, host):
            own = {"stack": config.stack, "host": host.name}
            actions: list[pulumi.Input[str]] = [topic.arn] if topic else []
            if alarm.action:
                actions.append(f"arn:aws:automate:{config.region}:ec2:{alarm.action}")
            self.health = cloudwatch.MetricAlarm(
                self.named(alarm.name.removeprefix(f"{host.name}-")),
                name=f"{config.name}-{alarm.name}",
                alarm_description=alarm.meaning,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions={"InstanceId": args.instance} if alarm.namespace == EC2 else own,
                statistic="Maximum",
                comparison_operator="GreaterThanThreshold",
                threshold=alarm.threshold,
                period=60,
                evaluation_periods=alarm.minutes,
                treat_missing_data=alarm.missing,
                alarm_actions=actions,
                ok_actions=[topic.arn] if topic else [],
                opts=self.inside(alarm.name),
            )
        self.register_outputs({"health": self.health.name})


def topic(stack: Component, config: AwsConfig) -> sns.Topic | None:
    """Where the alarms of a stack go, with the address that is told; None where none is configured."""
    if not config.alarm_email:
        return None
    own, inside = stack.named("alarms"), stack.inside("alarms")
    made = sns.Topic(own, name=f"{config.name}-alarms", opts=inside)
    sns.TopicSubscription(own, topic=made.arn, protocol="email", endpoint=config.alarm_email, opts=inside)
    return made
