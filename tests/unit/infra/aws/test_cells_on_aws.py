"""Several streaming hosts: what may be said of them, and what production is made of then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.release import names
from infra.aws.ready import address, types, zone
from infra.policy.rules import POLICIES, STACK_POLICIES, Resource
from tests.unit.infra.aws.given_values import ARCHIVE, CELLS, LOGIN, REGION, chosen, refused
from tests.unit.infra.aws.recorded import Recorded, stack

DOMAIN = {"domain": "live.example.org", "hostedZone": "Z0123456789ABC"}
EDGE = {"services": "edge,live,asr,tts,sales", **DOMAIN,
        "settings": json.dumps({**LOGIN, "DOMAIN": "live.example.org"})}  # fmt: skip


def wrong(**changed: str) -> str:
    """What is said about two streaming hosts with some values changed."""
    return refused(**{**CELLS, **changed})


@pytest.fixture(scope="module")
def made() -> Recorded:
    return stack(chosen(**CELLS, **DOMAIN, alarmEmail="ops@example.org"))


def bundle(made: Recorded) -> dict[str, Any]:
    """The release of the streaming hosts."""
    content = made.of("s3/bucketObjectv2:BucketObjectv2")["streaming-bundle"]["content"]
    found: dict[str, Any] = json.loads(content)
    return found


def parts(made: Recorded) -> list[tuple[str, str, str]]:
    """What everything is called, whole, short, and below what."""
    return sorted((kind, each.name, each.parent) for (kind, _), each in made.options.items())


def test_one_is_what_there_is_without_saying_so() -> None:
    plain, one = (stack(chosen(**each)) for each in (DOMAIN, {**DOMAIN, "streamingHosts": "1"}))
    assert one.made == plain.made
    assert parts(one) == parts(plain)
    assert "hosts" not in bundle(plain)


def test_a_second_one_changes_nothing_of_what_is_there_but_the_release(made: Recorded) -> None:
    plain = stack(chosen(**DOMAIN, alarmEmail="ops@example.org", settings=CELLS["settings"]))
    changed = {name for (kind, name), each in plain.made.items() if made.made[kind, name] != each}
    assert changed == {"streaming-bundle", "streaming-release"}


def test_what_does_not_go_together_is_told() -> None:
    assert "streamingZones: missing" in wrong(streamingZones="")
    assert "there is one streaming host" in wrong(streamingHosts="1")
    assert "no zone of eu-central-1" in wrong(streamingZones='["us-east-1a"]')
    assert "from 1 to 6" in wrong(streamingHosts="7")
    assert "set speechHosts or speechPool" in wrong(speechHosts="0")
    assert "settings.DOMAIN" in wrong(**{**EDGE, "domain": "other.example.org"})
    assert "API_KEYS: missing" in wrong(settings="{}")
    private = json.dumps({**LOGIN, "DOMAIN": "voice.internal"})
    assert "no other streaming host trusts the certificate of voice.internal" in wrong(
        **{**EDGE, "settings": private}
    )
    cdn = json.dumps({**LOGIN, "DOMAIN": "live.example.org", "CDN_SECRET": "a" * 32})
    assert "CloudFront asks one streaming host" in wrong(**{**EDGE, "settings": cdn, "cdn": "true"})
    assert "10.0.1.0/24" in wrong(network="10.0.0.0/24")
    assert "192.169.0.0/16" in wrong(network="192.168.0.0/16")
    assert "streaming, streaming-2, speech-1" in wrong(renewHosts='["streaming-3"]')


def test_they_are_spread_over_the_zones_that_are_named() -> None:
    config = chosen(
        **{**CELLS, "streamingHosts": "4", "streamingZones": '["eu-central-1b", "eu-central-1a"]'}
    )
    assert [(host.name, host.zone, host.address) for host in config.cells] == [
        ("streaming", "eu-central-1a", "10.40.0.10"),
        ("streaming-2", "eu-central-1b", "10.40.1.11"),
        ("streaming-3", "eu-central-1a", "10.40.0.12"),
        ("streaming-4", "eu-central-1b", "10.40.1.13"),
    ]
    assert {zone: str(each) for zone, each in config.networks.items()} == {
        "eu-central-1a": "10.40.0.0/24", "eu-central-1b": "10.40.1.0/24",
    }  # fmt: skip


def test_each_has_an_address_a_volume_a_subnet_alarms_and_a_name(made: Recorded) -> None:
    second = made.of("ec2/instance:Instance")["streaming-2"]
    assert (second["privateIp"], second["subnetId"]) == ("10.40.1.11", "subnet-eu-central-1b-id")
    assert second["tags"][names.HOST_TAG] == "streaming-2"
    assert second["vpcSecurityGroupIds"] == ["streaming-id"]
    volume = made.of("ebs/volume:Volume")["streaming-2-data"]
    assert (volume["availabilityZone"], volume["tags"]["snapshots"]) == ("eu-central-1b", "prod")
    assert made.options["aws:ebs/volume:Volume", "streaming-2-data"].protect
    (added,) = made.of("ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation").values()
    assert added["cidrBlock"] == "10.40.1.0/24"
    associations = made.of("ec2/eipAssociation:EipAssociation")
    assert {name: each["instanceId"] for name, each in associations.items()} == {
        "address": "streaming-id", "streaming-2-address": "streaming-2-id",
    }  # fmt: skip
    assert {each["name"] for each in made.of("route53/record:Record").values()} == {
        "live.example.org", "streaming-2.live.example.org",
    }  # fmt: skip
    checks = made.of("route53/healthCheck:HealthCheck")
    assert checks["streaming-2-domain"]["cloudwatchAlarmName"] == "voicestack-prod-streaming-2-health"
    alarms = made.of("cloudwatch/metricAlarm:MetricAlarm")
    assert {name for name in alarms if name.startswith("streaming-2")} == {
        f"streaming-2-{kind}" for kind in ("machine", "system", "disk", "health")
    }
    assert alarms["streaming-2-health"]["dimensions"] == {"stack": "prod", "host": "streaming-2"}


def test_all_take_one_release_in_which_the_others_have_streams_and_a_console_alone(made: Recorded) -> None:
    release = bundle(made)
    assert set(release["compose"]["services"]) == {"media", "dubber", "sales", "web"}
    assert set(release["hosts"]) == {"streaming-2"}
    other = release["hosts"]["streaming-2"]
    assert set(other["compose"]["services"]) == {"media", "dubber", "web"}
    environment = other["compose"]["services"]["dubber"]["environment"]
    assert environment["STS_URLS"] == "dns+ws://10.40.0.20:5003,dns+ws://10.40.0.21:5003"
    web = other["compose"]["services"]["web"]["environment"]
    assert web["ALLOWED_HOSTS"] == "streaming-2.live.example.org"
    assert set(other) < set(release)


def test_the_archive_is_on_the_first_alone() -> None:
    release = bundle(
        stack(chosen(**{**CELLS, **ARCHIVE, "settings": json.dumps({**LOGIN, "DB_PASSWORD": "hush-db"})}))
    )
    assert {"api", "db"} <= set(release["compose"]["services"])
    other = release["hosts"]["streaming-2"]
    assert not {"api", "db"} & set(other["compose"]["services"])
    assert other["identity"] == ""


def test_each_edge_has_a_certificate_for_a_name_of_its_own() -> None:
    config = chosen(**{**CELLS, **EDGE})
    first, second = (
        config.settings_of("streaming", "203.0.113.9", "", cell) for cell in (None, config.cells[1])
    )
    assert (first.domain, second.domain) == ("live.example.org", "streaming-2.live.example.org")
    assert "edge" in {service.name for service in config.services_on(config.cells[1])}


def test_no_policy_is_broken_and_images_of_every_host_are_looked_at(made: Recorded) -> None:
    resources = [
        Resource(kind, name, inputs, made.options[kind, name].protect)
        for (kind, name), inputs in made.made.items()
    ]
    assert [
        (policy.name, resource.name, problem)
        for policy in POLICIES
        for resource in resources
        for problem in policy.find(resource)
    ] == []
    snapshots = next(each for each in STACK_POLICIES if each.name == "snapshots")
    assert list(snapshots.find(resources)) == []
    changed = bundle(made)
    changed["hosts"]["streaming-2"]["compose"]["services"]["media"]["image"] = "media:latest"
    (pinned,) = (policy for policy in POLICIES if policy.name == "images-by-digest")
    inputs = {"key": "releases/streaming/1.json", "content": json.dumps(changed)}
    assert list(pinned.find(Resource("aws:s3/bucketObjectv2:BucketObjectv2", "bundle", inputs))) == [
        "the service media of streaming-2 runs media:latest: name the image by its digest"
    ]


def test_the_doctor_asks_every_zone_and_for_as_many_addresses() -> None:
    class Account:
        """A stand-in for an account that has one zone, and one address left."""

        def __call__(self, _: str) -> Account:
            return self

        def describe_availability_zones(self, Filters: Any) -> Any:
            (name,) = Filters[0]["Values"]
            return {"AvailabilityZones": [{"State": "available"}] if name.endswith("a") else []}

        def describe_instance_type_offerings(self, Filters: Any, **_: Any) -> Any:
            return {"InstanceTypeOfferings": [1] if Filters[0]["Values"] == [f"{REGION}a"] else []}

        def describe_addresses(self) -> Any:
            return {"Addresses": [{}, {}, {}, {}]}

        def get_service_quota(self, **_: Any) -> Any:
            return {"Quota": {"Value": 5.0}}

    config = chosen(**CELLS)
    assert [
        each.detail
        for check in (zone, types, address)
        for each in check(config, Account())
        if each.state == "missing"
    ] == [
        "eu-central-1b is not open to this account",
        "eu-central-1b has no c7g.xlarge",
        "4 in use, 2 wanted, 5 allowed",
    ]


def test_they_ask_each_other_through_their_consoles_which_let_them_in(made: Recorded) -> None:
    release = bundle(made)
    dubbers = [each["compose"]["services"]["dubber"] for each in (release, release["hosts"]["streaming-2"])]
    assert [each["environment"]["CELLS"] for each in dubbers] == [
        "http://10.40.1.11:4200/api/dubber", "http://10.40.0.10:4200/api/dubber",
    ]  # fmt: skip
    rule = made.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")["streaming-web-cells"]
    assert (rule["fromPort"], rule["referencedSecurityGroupId"]) == (4200, "streaming-id")


def test_beside_edges_they_ask_over_https_and_come_from_the_addresses_that_the_world_sees() -> None:
    edged = stack(chosen(**{**CELLS, **EDGE}))
    dubber = bundle(edged)["hosts"]["streaming-2"]["compose"]["services"]["dubber"]
    assert dubber["environment"]["CELLS"] == "https://live.example.org/api/dubber"
    rules = edged.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert "streaming-web-cells" not in rules
    for host in ("streaming", "streaming-2"):
        rule = rules[f"streaming-edge-https-{host}"]
        assert (rule["fromPort"], rule["cidrIpv4"]) == (443, "203.0.113.99/32")
