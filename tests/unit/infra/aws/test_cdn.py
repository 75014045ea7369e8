"""CloudFront before the edge: who reaches what, what is kept for how long, and where the secret is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi.runtime import rpc

from app.render.caddy import CDN_HEADER, LEAD_HEADER
from infra.config import ConfigError
from infra.policy.rules import POLICIES, UNTAGGED, Resource
from tests.unit.infra.aws.given_values import GIVEN, chosen, refused
from tests.unit.infra.aws.recorded import Recorded, stack

SECRET = "hush-between-cdn-and-edge"
SETTINGS = {**json.loads(GIVEN["settings"]), "DOMAIN": "live.example.org", "CDN_SECRET": SECRET}
CDN = {
    "cdn": "true",
    "services": "edge",
    "domain": "live.example.org",
    "hostedZone": "Z0123456789ABC",
    "playbackCidrs": "",
    "settings": json.dumps(SETTINGS),
}


@pytest.fixture(scope="module")
def made() -> Recorded:
    """A stack with a CDN, which nobody but its operators and publishers reaches directly."""
    return stack(chosen(**CDN))


@pytest.fixture(scope="module")
def distribution(made: Recorded) -> dict[str, Any]:
    """The distribution's inputs."""
    return made.of("cloudfront/distribution:Distribution")["cdn"]


def wrong(**settings: str) -> str:
    """What is said of a stack with a CDN with other settings; an empty one is left out."""
    given = {key: value for key, value in {**SETTINGS, **settings}.items() if value}
    return refused(**{**CDN, "settings": json.dumps(given)})


def test_the_edge_is_asked_by_its_name_over_https_with_a_secret_that_the_state_keeps_as_one(
    distribution: dict[str, Any],
) -> None:
    kept = distribution["origins"]
    assert rpc._special_sig_key in kept, "Pulumi's mark of a secret"
    (origin,) = kept["value"]
    assert origin["domainName"] == "live.example.org"
    asked = origin["customOriginConfig"]
    assert (asked["originProtocolPolicy"], asked["httpsPort"]) == ("https-only", 443)
    assert asked["originSslProtocols"] == ["TLSv1.2"]
    assert origin["customHeaders"] == [{"name": CDN_HEADER, "value": SECRET}]


def test_what_is_kept_is_keyed_by_its_path_alone_and_a_refusal_is_kept_for_a_second(
    distribution: dict[str, Any],
) -> None:
    caching = distribution["defaultCacheBehavior"]
    assert caching["allowedMethods"] == caching["cachedMethods"] == ["GET", "HEAD"]
    # CachingOptimized: no query, no cookie, no header; a second at least, as long as the edge says at most.
    assert caching["cachePolicyId"] == "658327ea-f89d-4fab-a63d-7e88639e58f6"
    assert "originRequestPolicyId" not in caching
    refusals = {
        each["errorCode"]: each["errorCachingMinTtl"] for each in distribution["customErrorResponses"]
    }
    assert {403, 404, 502, 503, 504} <= refusals.keys()
    assert set(refusals.values()) == {1}


def test_other_sites_pages_may_play_where_some_are_named(distribution: dict[str, Any]) -> None:
    assert "responseHeadersPolicyId" not in distribution["defaultCacheBehavior"]
    named = json.dumps({**SETTINGS, "ALLOWED_ORIGINS": "https://player.example.org"})
    other = stack(chosen(**{**CDN, "settings": named})).of("cloudfront/distribution:Distribution")["cdn"]
    assert other["defaultCacheBehavior"]["responseHeadersPolicyId"] == "60669652-455b-4ae9-85c4-c4c02393f86c"


def test_viewers_come_by_a_name_of_its_own_with_a_certificate_and_new_protocols(
    made: Recorded, distribution: dict[str, Any]
) -> None:
    assert distribution["aliases"] == ["watch.live.example.org"]
    assert distribution["httpVersion"] == "http2and3"
    assert distribution["defaultCacheBehavior"]["viewerProtocolPolicy"] == "redirect-to-https"
    assert distribution["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.2_2021"
    certificate = made.of("acm/certificate:Certificate")["cdn"]
    assert (certificate["domainName"], certificate["validationMethod"]) == ("watch.live.example.org", "DNS")
    assert {
        certificate["region"],
        made.of("acm/certificateValidation:CertificateValidation")["cdn"]["region"],
    } == {"us-east-1"}
    records = made.of("route53/record:Record")
    assert records["cdn"]["records"] == ["d123.cloudfront.net"]
    assert records["cdn-proof"]["name"] == "_proof.watch.example.org"
    assert made.outputs["voicestack"]["cdn"] == "https://watch.live.example.org"


def test_only_cloudfront_reaches_https_and_the_authority_the_port_beside_it(made: Recorded) -> None:
    rules = made.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    everywhere = {rule["fromPort"] for rule in rules.values() if rule.get("cidrIpv4") == "0.0.0.0/0"}
    assert everywhere == {80}
    listed = [rule for rule in rules.values() if rule.get("prefixListId")]
    assert [(each["fromPort"], each["securityGroupId"], each["prefixListId"]) for each in listed] == [
        (443, "cdn-id", "list of com.amazonaws.global.cloudfront.origin-facing")
    ]
    groups = {host: each["vpcSecurityGroupIds"] for host, each in made.of("ec2/instance:Instance").items()}
    assert groups["streaming"] == ["streaming-id", "cdn-id"]
    assert groups["speech-1"] == ["speech-id"]


def test_the_edge_asks_for_the_secret_and_no_bundle_holds_it(made: Recorded) -> None:
    bundle = made.of("s3/bucketObjectv2:BucketObjectv2")["streaming-bundle"]["content"]
    assert SECRET not in bundle
    edge = json.loads(bundle)["compose"]["services"]["edge"]["environment"]
    assert edge["CDN_SECRET"] == "${CDN_SECRET}"
    assert CDN_HEADER in edge["CADDY_CONFIG"]
    kept = {each["name"] for each in made.of("ssm/parameter:Parameter").values()}
    assert "/voicestack/prod/streaming/secrets/CDN_SECRET" in kept


def test_services_know_where_viewers_reach_it(made: Recorded) -> None:
    bundle = json.loads(made.of("s3/bucketObjectv2:BucketObjectv2")["streaming-bundle"]["content"])
    services = bundle["compose"]["services"]
    assert services["dubber"]["environment"]["CDN_URL"] == "https://watch.live.example.org"
    assert (
        "https://watch.live.example.org{http.request.uri.path}"
        in (services["edge"]["environment"]["CADDY_CONFIG"])
    )


def test_where_watching_needs_a_password_the_edge_asks_the_dubber_where_viewers_go() -> None:
    closed = {**SETTINGS, "MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "hush-read"}
    found = stack(chosen(**{**CDN, "settings": json.dumps(closed)}))
    bundle = found.of("s3/bucketObjectv2:BucketObjectv2")["streaming-bundle"]["content"]
    assert "hush" not in bundle
    edge = json.loads(bundle)["compose"]["services"]["edge"]["environment"]["CADDY_CONFIG"]
    assert LEAD_HEADER in edge
    assert "watch.live" not in edge


def test_no_policy_is_broken_and_all_that_takes_tags_has_some(made: Recorded) -> None:
    resources = [Resource(kind, name, inputs, protected=True) for (kind, name), inputs in made.made.items()]
    assert [found for each in resources for policy in POLICIES for found in policy.find(each)] == []
    assert [
        key
        for key, inputs in made.made.items()
        if key[0].startswith("aws:") and key[0] not in UNTAGGED and not inputs.get("tags")
    ] == []


def test_without_it_there_is_nothing_of_it() -> None:
    plain = stack(chosen(**CDN | {"cdn": ""}))
    assert not [kind for kind, _ in plain.made if "cloudfront" in kind or "acm" in kind]
    assert plain.of("ec2/instance:Instance")["streaming"]["vpcSecurityGroupIds"] == ["streaming-id"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CDN_SECRET": ""}, "settings.CDN_SECRET: missing"),
        ({"DOMAIN": "voice.internal"}, "a public name alone"),
    ],
)
def test_what_a_cdn_can_not_stand_before_is_told(settings: dict[str, str], said: str) -> None:
    told = wrong(**settings)
    assert said in told
    assert "hush" not in told


def test_it_needs_a_domain_and_an_edge() -> None:
    with pytest.raises(ConfigError) as told:
        chosen(**{**CDN, "domain": "", "hostedZone": "", "services": ""})
    assert "voicestack:domain: missing: the CDN is watch.<domain>" in str(told.value)
    assert "voicestack:services: the CDN stands before the edge" in str(told.value)
