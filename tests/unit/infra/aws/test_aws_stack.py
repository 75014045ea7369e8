"""What production on AWS is made of, as Pulumi is told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi.runtime import rpc

from app.release import names
from infra.given import FILE
from infra.policy.rules import UNTAGGED
from tests.unit.infra.aws.given_values import GIVEN, chosen
from tests.unit.infra.aws.recorded import REGISTRY, Recorded, stack

TAGS = {
    names.STACK_TAG: "prod",
    names.SERVICE_TAG: "voicestack",
    names.OWNER_TAG: "media-team",
    names.COST_TAG: "4711",
}
ALL = {"alarmEmail": "ops@example.org", "domain": "live.example.org", "hostedZone": "Z0123456789ABC",
       "logs": "true"}  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Recorded:
    """The stack with everything that can be configured."""
    return stack(chosen(**ALL))


def rules(made: Recorded) -> dict[str, dict[str, Any]]:
    """The rules for what comes in."""
    return made.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")


def policies(made: Recorded) -> dict[str, list[dict[str, Any]]]:
    """The statements of the policy of each role."""
    return {
        name: json.loads(inputs["policy"])["Statement"]
        for name, inputs in made.of("iam/rolePolicy:RolePolicy").items()
    }


def test_everything_that_takes_tags_has_those_of_its_stack(made: Recorded) -> None:
    bare = [
        key
        for key, inputs in made.made.items()
        if key[0].startswith("aws:") and key[0] not in UNTAGGED
        and not TAGS.items() <= inputs.get("tags", {}).items()
    ]  # fmt: skip
    assert bare == []


def test_tags_are_given_in_one_place() -> None:
    files = [path for path in (FILE.parent / "infra" / "aws").glob("*.py") if path.name != "tags.py"]
    using = {path.name for path in files if "config.tags(" in path.read_text(encoding="utf-8")}
    assert using == {"host.py", "pool.py"}, "a root disk is no resource of its own"


def test_what_is_in_a_component_is_named_after_it_and_known_by_the_name_before(made: Recorded) -> None:
    parts = [each for each in made.options.values() if each.parent.count("voicestack:aws:")]
    assert len(parts) > 100
    for part in parts:
        kind, _, parent = part.parent.rpartition("$")[2].partition("::")
        # Rules and images lie below a group or a repository, and are named after the component above it.
        above = parent if kind.startswith("voicestack:") else parent.rpartition("-")[0]
        assert part.name.startswith(above), (part.type, part.name)
        assert part.aliases[0].spec.name, part.name


def test_every_component_registers_what_it_made(made: Recorded) -> None:
    components = {each.name for each in made.options.values() if each.type.startswith("voicestack:")}
    assert len(components) > 10
    assert components == {name for name, outputs in made.outputs.items() if outputs} & components


def test_hosts_and_volumes_say_whose_they_are(made: Recorded) -> None:
    for kind in ("ec2/instance:Instance", "ebs/volume:Volume"):
        assert {inputs["tags"][names.HOST_TAG] for inputs in made.of(kind).values()} == {
            "streaming", "speech-1", "speech-2",
        }  # fmt: skip


def test_media_ports_are_open_to_those_who_publish_and_watch_and_hls_to_those_alone(made: Recorded) -> None:
    open_to: dict[int, set[str]] = {}
    for rule in rules(made).values():
        if "cidrIpv4" in rule:
            open_to.setdefault(rule["fromPort"], set()).add(rule["cidrIpv4"])
    everyone = {"0.0.0.0/0", "203.0.113.0/24"}
    operators = {"198.51.100.7/32"}
    assert open_to == {
        1935: everyone, 8554: everyone, 8889: everyone, 8189: everyone, 8890: everyone, 8888: {"0.0.0.0/0"},
        8002: operators, 4200: operators, 22: {"198.51.100.0/24"},
    }  # fmt: skip


def test_speech_is_reached_from_the_streaming_host_alone(made: Recorded) -> None:
    speech = {name: rule for name, rule in rules(made).items() if rule["securityGroupId"] == "speech-id"}
    assert {rule["fromPort"] for rule in speech.values()} == {5001, 5002, 5003, 9090, 10200, 10300, 22}
    for name, rule in speech.items():
        if "ssh" not in name:
            assert rule["referencedSecurityGroupId"] == "streaming-id"
            assert "cidrIpv4" not in rule


def test_without_ssh_ranges_nobody_logs_in() -> None:
    closed = stack(chosen(sshCidrs="", sshKey=""))
    assert all(rule["fromPort"] != 22 for rule in rules(closed).values())
    assert closed.of("ec2/keyPair:KeyPair") == {}


def test_another_key_gets_another_name_so_that_both_can_be_there_for_a_moment(made: Recorded) -> None:
    kind = "ec2/keyPair:KeyPair"
    other = stack(chosen(sshKey="ssh-ed25519 AAAA someone-else@example.org"))
    assert made.of(kind)["operators"]["keyName"] != other.of(kind)["operators"]["keyName"]
    assert "keyName" in other.options["aws:ec2/instance:Instance", "streaming"].ignoreChanges


def test_no_rule_stands_inside_of_a_group(made: Recorded) -> None:
    for group in made.of("ec2/securityGroup:SecurityGroup").values():
        assert "ingress" not in group
        assert "egress" not in group


def test_volumes_are_encrypted_protected_in_the_hosts_zone_and_in_the_snapshots(made: Recorded) -> None:
    policy = made.of("dlm/lifecyclePolicy:LifecyclePolicy")["snapshots"]["policyDetails"]
    for name, volume in made.of("ebs/volume:Volume").items():
        assert volume["encrypted"] is True
        assert volume["type"] == "gp3"
        assert volume["availabilityZone"] == "eu-central-1a"
        assert policy["targetTags"].items() <= volume["tags"].items()
        assert made.options["aws:ebs/volume:Volume", name].protect
    schedule = policy["schedules"][0]
    assert schedule["retainRule"]["count"] == 7
    assert schedule["createRule"]["interval"] == 24


def test_a_host_asks_for_imdsv2_has_an_encrypted_root_and_no_secret_in_its_user_data(made: Recorded) -> None:
    for instance in made.of("ec2/instance:Instance").values():
        assert instance["metadataOptions"] == {
            "httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1,
        }  # fmt: skip
        assert instance["rootBlockDevice"]["encrypted"] is True
        assert "hush" not in instance["userData"]
        assert "sha256:" not in instance["userData"]


def test_a_host_knows_its_own_volume_by_id(made: Recorded) -> None:
    for name, instance in made.of("ec2/instance:Instance").items():
        assert f"{name}-data-id" in instance["userData"]
        assert REGISTRY in instance["userData"]
        attachment = made.of("ec2/volumeAttachment:VolumeAttachment")[f"{name}-data"]
        assert attachment["volumeId"] == f"{name}-data-id"
        assert attachment["instanceId"] == f"{name}-id"


def test_a_newer_machine_image_replaces_a_host_only_where_that_is_asked_for(made: Recorded) -> None:
    kind = "aws:ec2/instance:Instance"
    for name in ("streaming", "speech-1"):
        assert {"ami", "userData"} <= set(made.options[kind, name].ignoreChanges)
    renewed = stack(chosen(renewHosts='["speech-1"]'))
    assert list(renewed.options[kind, "speech-1"].ignoreChanges) == []
    assert "ami" in renewed.options[kind, "speech-2"].ignoreChanges
    assert renewed.of("ec2/instance:Instance")["speech-1"]["userDataReplaceOnChange"] is True


def test_a_volume_begins_with_a_snapshot_and_changes_it_only_with_its_host() -> None:
    kind = "aws:ebs/volume:Volume"
    snapshot = json.dumps({"streaming": "snap-0123456789abcdef0"})
    made = stack(chosen(volumesFrom=snapshot, renewHosts='["streaming"]'))
    assert made.of("ebs/volume:Volume")["streaming-data"]["snapshotId"] == "snap-0123456789abcdef0"
    assert "snapshotId" not in made.of("ebs/volume:Volume")["speech-1-data"]
    assert list(made.options[kind, "streaming-data"].ignoreChanges) == []
    assert list(made.options[kind, "speech-1-data"].ignoreChanges) == ["snapshotId"]


def test_an_instance_goes_before_its_successor_comes_and_so_does_what_holds_its_volume(
    made: Recorded,
) -> None:
    for kind in ("aws:ec2/instance:Instance", "aws:ec2/volumeAttachment:VolumeAttachment"):
        for (typ, _), options in made.options.items():
            if typ == kind:
                assert options.deleteBeforeReplace


def test_a_host_keeps_its_private_address_and_the_streaming_host_its_public_one(made: Recorded) -> None:
    addresses = {name: inputs["privateIp"] for name, inputs in made.of("ec2/instance:Instance").items()}
    assert addresses == {"streaming": "10.40.0.10", "speech-1": "10.40.0.20", "speech-2": "10.40.0.21"}
    association = made.of("ec2/eipAssociation:EipAssociation")["address"]
    assert association["instanceId"] == "streaming-id"


def test_spot_is_for_speech_alone() -> None:
    spot = stack(chosen(speechMarket="spot"))
    instances = spot.of("ec2/instance:Instance")
    assert instances["speech-1"]["instanceMarketOptions"]["marketType"] == "spot"
    assert "instanceMarketOptions" not in instances["streaming"]


def test_every_image_has_a_scanned_repository_that_keeps_old_releases(made: Recorded) -> None:
    repositories = made.of("ecr/repository:Repository")
    assert set(repositories) == {"media", "app", "speech-cuda"}
    for repository in repositories.values():
        assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository["name"].startswith("voicestack-prod/")
    assert set(made.of("ecr/lifecyclePolicy:LifecyclePolicy")) == set(repositories)
    for (typ, _), options in made.options.items():
        if typ == "docker-build:index:Index":
            assert options.retainOnDelete


def test_another_ones_image_comes_into_the_registry_too() -> None:
    settings = json.dumps({**json.loads(GIVEN["settings"]), "DB_PASSWORD": "hush-db"})
    with_db = stack(chosen(services="dubber,db", settings=settings))
    assert with_db.made["docker-build:index:Index", "postgres"]["sources"] == ["postgres:15"]
    mirrored = stack(chosen(services="dubber,db", settings=settings, hub="hub.example.org"))
    sources = mirrored.made["docker-build:index:Index", "postgres"]["sources"]
    assert sources == ["hub.example.org/library/postgres:15"]
    bundle = with_db.of("s3/bucketObjectv2:BucketObjectv2")["streaming-bundle"]["content"]
    assert f"{REGISTRY}/voicestack-prod/postgres@sha256:" in bundle


def test_without_a_registry_images_are_built_here_for_their_platforms_and_pushed() -> None:
    built = stack(chosen(registry="", tag=""))
    assert built.made["docker-build:index:Image", "app"]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert built.made["docker-build:index:Image", "speech-cuda"]["platforms"] == ["linux/amd64"]
    assert built.made["docker-build:index:Image", "app"]["push"] is True


def test_a_release_names_images_by_digest_and_has_no_secret(made: Recorded) -> None:
    for role in ("streaming", "speech"):
        bundle = made.of("s3/bucketObjectv2:BucketObjectv2")[f"{role}-bundle"]
        parameter = made.of("ssm/parameter:Parameter")[f"{role}-release"]
        assert parameter["name"] == names.release_parameter("prod", role)
        assert parameter["value"]["value"] == bundle["key"]  # the SDK makes a secret of every parameter
        assert "hush" not in bundle["content"]
        images = {each["image"] for each in json.loads(bundle["content"])["compose"]["services"].values()}
        assert all("@sha256:" in image for image in images)
        assert made.options["aws:s3/bucketObjectv2:BucketObjectv2", f"{role}-bundle"].retainOnDelete


def test_the_media_server_tells_browsers_its_public_address(made: Recorded) -> None:
    bundle = made.of("s3/bucketObjectv2:BucketObjectv2")["streaming-bundle"]["content"]
    assert "203.0.113.99" in bundle
    assert "dns+ws://10.40.0.20:5003,dns+ws://10.40.0.21:5003" in bundle


def test_a_secret_is_a_secure_string_of_the_role_that_uses_it_and_a_secret_of_the_state() -> None:
    settings = json.dumps(
        {**json.loads(GIVEN["settings"]), "API_KEYS": "hush-api", "LLM_API_KEY": "hush-llm"}
    )
    made = stack(chosen(settings=settings)).of("ssm/parameter:Parameter")
    secure = {inputs["name"]: inputs for inputs in made.values() if inputs["type"] == "SecureString"}
    kept = {role: set[str]() for role in ("streaming", "speech")}
    for name, inputs in secure.items():
        role, _, variable = name.removeprefix("/voicestack/prod/").split("/")
        kept[role].add(variable)
        assert rpc._special_sig_key in inputs["value"], "Pulumi's mark of a secret"
    assert kept == {
        "streaming": {"MEDIA_PUBLISH_PASSWORD", "API_KEYS", "LLM_API_KEY"},
        "speech": {"API_KEYS"},
    }


def test_a_host_may_read_its_own_release_and_secrets_and_nothing_else(made: Recorded) -> None:
    for role, other in (("streaming", "speech"), ("speech", "streaming")):
        statements = policies(made)[role]
        reachable = json.dumps([each for each in statements if each["Resource"] != "*"])
        assert f"/voicestack/prod/{role}/secrets" in reachable
        assert f"/voicestack/prod/{other}/" not in reachable
        assert f"releases/{role}/*" in reachable
        for each in statements:
            assert all("*" not in action for action in each["Action"])
            if each["Resource"] == "*" and "Condition" not in each:
                assert not any("Parameter" in action or action.startswith("s3:") for action in each["Action"])


def test_a_host_pulls_only_the_images_that_it_runs(made: Recorded) -> None:
    pull = {
        role: next(each for each in policies(made)[role] if "ecr:BatchGetImage" in each["Action"])["Resource"]
        for role in ("streaming", "speech")
    }
    assert pull == {"streaming": ["arn:aws:x:media", "arn:aws:x:app"], "speech": ["arn:aws:x:speech-cuda"]}


def test_every_host_is_watched_and_recovers_by_itself(made: Recorded) -> None:
    alarms = made.of("cloudwatch/metricAlarm:MetricAlarm")
    for host in ("streaming", "speech-1", "speech-2"):
        assert {name for name in alarms if name.startswith(f"{host}-")} == {
            f"{host}-machine", f"{host}-system", f"{host}-disk", f"{host}-health",
        }  # fmt: skip
        assert "arn:aws:automate:eu-central-1:ec2:reboot" in alarms[f"{host}-system"]["alarmActions"]
        assert alarms[f"{host}-machine"]["dimensions"] == {"InstanceId": f"{host}-id"}
        assert alarms[f"{host}-health"]["dimensions"] == {"stack": "prod", "host": host}
        assert "arn:aws:x:alarms" in alarms[f"{host}-disk"]["alarmActions"]


@pytest.mark.parametrize(
    ("values", "by_itself"),
    [
        ({"variant": "cpu", "speechType": "c7i.xlarge"}, True),
        ({"variant": "cpu", "speechType": "m7i-flex.large"}, True),
        ({"variant": "cpu", "speechType": "c6id.xlarge"}, False),
        ({"variant": "cpu", "speechType": "i4i.large"}, False),
        ({"variant": "cpu", "speechType": "c7i.xlarge", "speechMarket": "spot"}, False),
        ({"speechType": "g6.xlarge"}, False),
    ],
)
def test_ec2_moves_a_host_from_a_failing_machine_where_it_can(
    values: dict[str, str], by_itself: bool
) -> None:
    alarms = stack(chosen(**values)).of("cloudwatch/metricAlarm:MetricAlarm")
    recover = "arn:aws:automate:eu-central-1:ec2:recover"
    assert alarms["streaming-machine"]["alarmActions"] == [recover]
    assert alarms["speech-1-machine"]["alarmActions"] == ([recover] if by_itself else [])
    assert ("stop and start" in alarms["speech-1-machine"]["alarmDescription"]) is not by_itself


def test_a_host_that_falls_silent_is_unhealthy(made: Recorded) -> None:
    alarms = made.of("cloudwatch/metricAlarm:MetricAlarm")
    assert alarms["streaming-health"]["treatMissingData"] == "breaching"


def test_a_domain_leads_to_the_public_address_and_its_health_is_the_hosts(made: Recorded) -> None:
    record = made.of("route53/record:Record")["domain"]
    assert (record["name"], record["records"]) == ("live.example.org", ["203.0.113.99"])
    check = made.of("route53/healthCheck:HealthCheck")["domain"]
    assert check["cloudwatchAlarmName"] == "voicestack-prod-streaming-health"


def test_what_is_not_configured_is_not_made() -> None:
    plain = stack(chosen())
    for kind in ("route53/record:Record", "sns/topic:Topic", "cloudwatch/logGroup:LogGroup"):
        assert plain.of(kind) == {}


def test_logs_go_to_cloudwatch_where_that_is_asked_for(made: Recorded) -> None:
    assert made.of("cloudwatch/logGroup:LogGroup")["logs"]["name"] == "/voicestack/prod"
    bundle = json.loads(made.of("s3/bucketObjectv2:BucketObjectv2")["speech-bundle"]["content"])
    assert bundle["compose"]["services"]["sts"]["logging"]["driver"] == "awslogs"
    assert any("logs:PutLogEvents" in each["Action"] for each in policies(made)["speech"])


def test_the_bucket_is_closed(made: Recorded) -> None:
    block = made.of("s3/bucketPublicAccessBlock:BucketPublicAccessBlock")["releases"]
    assert all(value is True for key, value in block.items() if key != "bucket")


def test_one_host_does_for_a_small_stack() -> None:
    small = stack(chosen(speechHosts="0", speechAmi=""))
    assert set(small.of("ec2/instance:Instance")) == {"streaming"}
    assert set(small.of("ec2/securityGroup:SecurityGroup")) == {"streaming"}
    bundle = json.loads(small.of("s3/bucketObjectv2:BucketObjectv2")["streaming-bundle"]["content"])
    assert "sts" in bundle["compose"]["services"]
