"""The stack's name in the domain name system, and the health that Route 53 sees."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, route53

from infra.aws.config import AwsConfig, HostConfig
from infra.component import Component

TTL = 60


@dataclass(frozen=True)
class DomainArgs:
    """Which streaming host the name is for, where it leads, and the alarm that tells how the host is."""

    config: AwsConfig
    host: HostConfig
    address: pulumi.Input[str]
    health: cloudwatch.MetricAlarm


class Domain(Component):
    """The address record of the domain, or of a name under it, and a health check.

    Who may open a connection is up to the stack's ranges, and Route 53 is in none of them: it goes by the
    alarm of that streaming host's own health.
    """

    def __init__(self, name: str, args: DomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Domain", name, opts)
        config = args.config
        inside = self.inside(config.part_of(args.host, "domain"))
        record = route53.Record(
            self.named(),
            zone_id=config.hosted_zone,
            name=config.cell_domain(args.host, config.domain),
            type="A",
            ttl=TTL,
            records=[args.address],
            opts=inside,
        )
        check = route53.HealthCheck(
            self.named(),
            type="CLOUDWATCH_METRIC",
            cloudwatch_alarm_name=args.health.name,
            cloudwatch_alarm_region=config.region,
            insufficient_data_health_status="LastKnownStatus",
            opts=inside,
        )
        self.register_outputs({"name": record.fqdn, "healthCheck": check.id})
