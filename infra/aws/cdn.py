"""A CDN before the edge: who watches HLS asks there, and the edge gives it to nobody else."""

from __future__ import annotations

import pulumi
from pulumi_aws import acm, cloudfront, ec2, route53

from app.render.caddy import CDN_HEADER
from infra.aws.config import AwsConfig
from infra.aws.domain import TTL
from infra.component import Component

HOME = "us-east-1"  # where CloudFront takes its certificates from, wherever the stack is
EDGE = "edge"
SERVERS = "com.amazonaws.global.cloudfront.origin-facing"
"""AWS's own list of the addresses that CloudFront asks from."""
# Policies of AWS's own. The first keys on the path alone, no query, cookie or header, and holds everything
# for a second at least, so that a thousand who ask for a playlist are one request.
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
SIMPLE_CORS = "60669652-455b-4ae9-85c4-c4c02393f86c"
REFUSALS = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
A_SECOND = 1
PATIENCE = 60
"""Seconds: who opens a stream first waits while it is put together, half a minute at most."""


class Cdn(Component):
    """A CloudFront distribution under a name and certificate of its own, whose origin is the edge."""

    distribution: cloudfront.Distribution

    def __init__(self, name: str, config: AwsConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Cdn", name, opts)
        inside = self.inside("cdn")
        self.distribution = cloudfront.Distribution(
            self.named(),
            enabled=True,
            comment=f"Voicestack {config.stack}: HLS",
            aliases=[config.cdn_name],
            http_version="http2and3",
            is_ipv6_enabled=True,
            # Viewers elsewhere are served too, from Europe and North America, which costs least.
            price_class="PriceClass_100",
            origins=[origin(config)],
            default_cache_behavior=cloudfront.DistributionDefaultCacheBehaviorArgs(
                target_origin_id=EDGE,
                viewer_protocol_policy="redirect-to-https",
                allowed_methods=["GET", "HEAD"],
                cached_methods=["GET", "HEAD"],
                cache_policy_id=CACHING_OPTIMIZED,
                response_headers_policy_id=SIMPLE_CORS if config.settings.allowed_origins else None,
                compress=True,
            ),
            # CloudFront would hold them for ten seconds, whatever they say.
            custom_error_responses=[
                cloudfront.DistributionCustomErrorResponseArgs(
                    error_code=code, error_caching_min_ttl=A_SECOND
                )
                for code in REFUSALS
            ],
            restrictions=cloudfront.DistributionRestrictionsArgs(
                geo_restriction=cloudfront.DistributionRestrictionsGeoRestrictionArgs(restriction_type="none")
            ),
            viewer_certificate=cloudfront.DistributionViewerCertificateArgs(
                acm_certificate_arn=self._certificate(config),
                ssl_support_method="sni-only",
                minimum_protocol_version="TLSv1.2_2021",
            ),
            opts=self.inside("cdn", additional_secret_outputs=["origins"]),
        )
        record = route53.Record(
            self.named(),
            zone_id=config.hosted_zone,
            name=config.cdn_name,
            type="CNAME",
            ttl=TTL,
            records=[self.distribution.domain_name],
            opts=inside,
        )
        self.register_outputs({"name": record.fqdn, "distribution": self.distribution.id})

    def _certificate(self, config: AwsConfig) -> pulumi.Output[str]:
        """The certificate, once AWS has seen in the zone that the name is ours. AWS renews it."""
        certificate = acm.Certificate(
            self.named(),
            region=HOME,
            domain_name=config.cdn_name,
            validation_method="DNS",
            opts=self.inside("cdn"),
        )
        asked = certificate.domain_validation_options[0]
        proof = route53.Record(
            self.named("proof"),
            zone_id=config.hosted_zone,
            name=asked.resource_record_name,
            type=asked.resource_record_type,
            ttl=TTL,
            records=[asked.resource_record_value],
            opts=self.inside("cdn-proof"),
        )
        issued = acm.CertificateValidation(
            self.named(),
            region=HOME,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[proof.fqdn],
            opts=self.inside("cdn"),
        )
        return issued.certificate_arn


def origin(config: AwsConfig) -> cloudfront.DistributionOriginArgs:
    """The edge by its own name over HTTPS, which is shown the secret."""
    return cloudfront.DistributionOriginArgs(
        origin_id=EDGE,
        domain_name=config.settings.domain,
        custom_origin_config=cloudfront.DistributionOriginCustomOriginConfigArgs(
            http_port=80,
            https_port=config.settings.edge_https_port,
            origin_protocol_policy="https-only",
            origin_ssl_protocols=["TLSv1.2"],
            origin_read_timeout=PATIENCE,
            origin_keepalive_timeout=PATIENCE,
        ),
        custom_headers=[
            cloudfront.DistributionOriginCustomHeaderArgs(
                name=CDN_HEADER, value=pulumi.Output.secret(config.settings.cdn_secret.get_secret_value())
            )
        ],
    )


def servers(within: Component) -> pulumi.Output[str]:
    """The id of the list of addresses that CloudFront asks from, in the stack's region."""
    found = ec2.get_managed_prefix_list_output(name=SERVERS, opts=pulumi.InvokeOutputOptions(parent=within))
    return found.id
