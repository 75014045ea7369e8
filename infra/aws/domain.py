"""The stack's name in the domain name system, and the health that Route 53 sees."""

from __future__ import annotations

import pulumi
from pulumi_aws import cloudwatch, route53

from infra.aws.config import AwsConfig

TTL = 60


class Domain(pulumi.ComponentResource):
    """The domain's address record, and a health check.

    Who may open a connection is up to the stack's ranges, and Route 53 is in none of them: it goes by the
    alarm of the streaming host's own health.
    """

    def __init__(
        self,
        config: AwsConfig,
        address: pulumi.Input[str],
        health: cloudwatch.MetricAlarm,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("voicestack:aws:Domain", "domain", {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        route53.Record(
            "domain",
            zone_id=config.hosted_zone,
            name=config.domain,
            type="A",
            ttl=TTL,
            records=[address],
            opts=inside,
        )
        route53.HealthCheck(
            "domain",
            type="CLOUDWATCH_METRIC",
            cloudwatch_alarm_name=health.name,
            cloudwatch_alarm_region=config.region,
            insufficient_data_health_status="LastKnownStatus",
            tags=config.tags("domain"),
            opts=inside,
        )
        self.register_outputs({})
