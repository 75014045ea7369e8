"""Speech hosts as a pool: what may be said of it, and what production is made of then."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from app.release import names
from infra.aws import access, rollout
from infra.aws.deployer import policy
from infra.aws.ready import quotas
from infra.aws.rollout import RolloutFailed, converge_pool
from infra.policy.rules import POLICIES, Resource
from tests.unit.infra.aws.evaluation import allows
from tests.unit.infra.aws.given_values import REGION, chosen, refused
from tests.unit.infra.aws.recorded import Recorded, stack

BOUNDS = json.dumps({"min": 1, "max": 4})
POOL = {"speechHosts": "0", "speechPool": BOUNDS}
ACCOUNT = "123456789012"
SNAPSHOT = "snap-0123456789abcdef0"
LARGEST_POLICY = 6144  # characters without spaces, of a managed policy of IAM


def wrong(**changed: str) -> str:
    """What is said about a pool with some values changed."""
    return refused(**{**POOL, **changed})


@pytest.fixture(scope="module")
def made() -> Recorded:
    return stack(chosen(**POOL, speechMarket="spot", alarmEmail="ops@example.org"))


def bundle(made: Recorded, role: str) -> dict[str, Any]:
    """The release of a role."""
    found: dict[str, Any] = json.loads(
        made.of("s3/bucketObjectv2:BucketObjectv2")[f"{role}-bundle"]["content"]
    )
    return found


@pytest.mark.parametrize(
    "bounds",
    [
        {"min": 0, "max": 4}, {"min": 1}, {"max": 4}, {"min": 1, "max": 51}, {"min": "1", "max": 4},
        {"min": True, "max": 4}, {"min": 1, "max": 2.5}, {"min": 1, "max": 4, "desired": 2},
    ],
)  # fmt: skip
def test_bounds_are_two_numbers(bounds: dict[str, Any]) -> None:
    assert "voicestack:speechPool: " in wrong(speechPool=json.dumps(bounds))
    assert "min and max, each a number from 1 to 50" in wrong(speechPool=json.dumps(bounds))


def test_what_does_not_go_with_a_pool_is_told() -> None:
    assert "is not a map" in wrong(speechPool="[1, 4]")
    assert "min 4 is more than max 1" in wrong(speechPool='{"min": 4, "max": 1}')
    assert 'set speechHosts to "0"' in wrong(speechHosts="2")
    assert "does not name" in wrong(services="media")
    assert "speech-1" in wrong(renewHosts='["speech-1"]')
    assert "python -m infra.aws.images" in wrong(speechAmi="")
    assert "GPU" in wrong(speechType="c7i.xlarge")


def test_without_a_pool_nothing_is_said_of_one() -> None:
    config = chosen()
    assert (config.pool, config.kinds) == (None, config.hosts)
    assert "allowed_hosts" not in config.settings_of("speech", "").model_fields_set


def user_data(made: Recorded) -> tuple[dict[str, Any], dict[str, str]]:
    """What a host of the pool is told at its first boot, and the files that it then has."""
    (template,) = made.of("ec2/launchTemplate:LaunchTemplate").values()
    said = yaml.safe_load(base64.b64decode(template["userData"]).decode())
    return said, {each["path"]: each["content"] for each in said["write_files"]}


def known(made: Recorded) -> dict[str, Any]:
    """What the program of a host of the pool has to know of it."""
    _, files = user_data(made)
    found: dict[str, Any] = json.loads(files["/etc/voicestack/host.json"])
    return found


def disks(made: Recorded) -> dict[str, dict[str, Any]]:
    """The disks of a host of the pool, by their device."""
    (template,) = made.of("ec2/launchTemplate:LaunchTemplate").values()
    return {each["deviceName"]: each["ebs"] for each in template["blockDeviceMappings"]}


def test_hosts_can_begin_with_a_snapshot_of_their_models(made: Recorded) -> None:
    with_models = stack(chosen(**POOL, volumesFrom=json.dumps({"speech": SNAPSHOT}), speechVolume="40"))
    root, models = disks(with_models).values()
    assert models == {**root, "snapshotId": SNAPSHOT, "volumeSize": 40}
    assert list(disks(with_models)) == ["/dev/sda1", "/dev/sdf"]
    assert known(with_models)["volume"] == "by-label/voicestack"
    # Without one the root disk has room for what others have on their volume.
    (alone,) = disks(made).values()
    assert alone["volumeSize"] > root["volumeSize"]
    assert known(made)["volume"] == ""


def test_a_snapshot_of_models_is_for_a_pool_alone() -> None:
    of_speech = json.dumps({"speech": SNAPSHOT})
    assert "'speech' is none of streaming, speech-1" in refused(speechHosts="1", volumesFrom=of_speech)
    assert "'speech-1' is none of streaming, speech" in wrong(volumesFrom=json.dumps({"speech-1": SNAPSHOT}))
    assert "is no snapshot" in wrong(volumesFrom='{"speech": "vol-1"}')
    assert "'speech' is none of" in wrong(renewHosts='["speech"]')


def test_everybody_asks_the_name_and_the_hosts_answer_to_it() -> None:
    config = chosen(**POOL)
    settings = config.settings_of("streaming", "203.0.113.99")
    assert settings.sts_urls == ("dns+ws://speech.prod.internal:5003",)
    assert settings.asr_url == "http://speech.prod.internal:5001"
    assert settings.whisper_host == "speech.prod.internal"
    assert config.settings_of("speech", "203.0.113.99").allowed_hosts == ("speech.prod.internal",)
    assert {service.name for service in config.services_of("speech")} == {"sts", "asr", "tts", "live"}
    assert config.images_of("speech") == ("speech-cuda",)


def test_a_group_of_hosts_without_volumes_begins_with_its_hooks(made: Recorded) -> None:
    (group,) = made.of("autoscaling/group:Group").values()
    assert (group["minSize"], group["maxSize"]) == (1, 4)
    assert group["capacityRebalance"] is True
    assert "desiredCapacity" not in group
    assert {
        each["name"]: (each["lifecycleTransition"], each["defaultResult"])
        for each in group["initialLifecycleHooks"]
    } == {
        names.ARRIVING: ("autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON"),
        names.LEAVING: ("autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE"),
    }
    assert {each["key"]: each["value"] for each in group["tags"]}.items() >= {
        names.STACK_TAG: "prod", names.ROLE_TAG: "speech", names.OWNER_TAG: "media-team",
    }.items()  # fmt: skip
    assert all(each["propagateAtLaunch"] is True for each in group["tags"])
    assert set(made.of("ec2/instance:Instance")) == set(made.of("ebs/volume:Volume").keys()) ^ {
        "streaming", "streaming-data",
    }  # fmt: skip
    before = made.options["aws:autoscaling/group:Group", "pool"].dependencies
    assert any(urn.endswith("::voicestack-speech-release") for urn in before), (
        "its first boot finds a release"
    )


def test_its_hosts_are_spot_encrypted_and_know_their_release(made: Recorded) -> None:
    (template,) = made.of("ec2/launchTemplate:LaunchTemplate").values()
    assert template["instanceMarketOptions"] == {"marketType": "spot"}
    assert template["metadataOptions"]["httpTokens"] == "required"
    (disk,) = template["blockDeviceMappings"]
    assert (disk["deviceName"], disk["ebs"]["encrypted"], disk["ebs"]["volumeSize"]) == (
        "/dev/sda1", "true", 220,
    )  # fmt: skip
    (said, files), host = user_data(made), known(made)
    assert (host["name"], host["volume"]) == ("speech", "")
    assert host["parameter"] == names.release_parameter("prod", "speech")
    assert "hostname" not in said
    assert "Restart=on-failure" in files["/etc/systemd/system/voicestack-converge.service"]


def test_no_host_of_it_is_given_the_address_of_the_streaming_host(made: Recorded) -> None:
    (kept,) = made.of("ec2/subnetCidrReservation:SubnetCidrReservation").values()
    assert (kept["cidrBlock"], kept["reservationType"]) == ("10.40.0.8/29", "explicit")
    assert made.of("ec2/instance:Instance")["streaming"]["privateIp"] == "10.40.0.10"


def test_hosts_of_both_roles_are_told_of_it_and_those_of_a_fixed_list_are_not(made: Recorded) -> None:
    (zone,) = made.of("route53/zone:Zone").values()
    assert (zone["name"], zone["forceDestroy"]) == ("prod.internal", True)
    for role in ("streaming", "speech"):
        told = bundle(made, role)["pool"]
        assert (told["group"], told["name"], told["port"]) == (
            "voicestack-prod-speech", "speech.prod.internal", 5003,
        )  # fmt: skip
        assert told["zone"] == "Z0123456789ABC"
    assert made.of("route53/record:Record") == {}, "the streaming host alone writes the name"


def test_the_group_follows_what_the_streaming_host_measures(made: Recorded) -> None:
    (scaling,) = made.of("autoscaling/policy:Policy").values()
    metric = scaling["targetTrackingConfiguration"]["customizedMetricSpecification"]
    assert metric["namespace"] == names.metrics("prod", "streaming")
    assert metric["metricName"] == bundle(made, "streaming")["pool"]["load"]
    assert metric["metricDimensions"] == [{"name": "stack", "value": "prod"}]


def test_its_hosts_have_alarms_together(made: Recorded) -> None:
    alarms = made.of("cloudwatch/metricAlarm:MetricAlarm")
    assert {name for name in alarms if name.startswith("speech")} == {"speech-disk", "speech-health"}
    assert alarms["speech-health"]["dimensions"] == {"stack": "prod", "host": "speech"}


def test_no_policy_is_broken(made: Recorded) -> None:
    found = [
        (policy.name, name, problem)
        for policy in POLICIES
        for (kind, name), inputs in made.made.items()
        for problem in policy.find(Resource(kind, name, inputs, made.options[kind, name].protect))
    ]
    assert found == []


def test_a_host_keeps_the_name_or_says_how_far_it_is_and_the_other_way_round_nothing() -> None:
    zone, group = "arn:aws:route53:::hostedzone/Z1", "voicestack-prod-speech"
    own = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1-2-3:autoScalingGroupName/{group}"
    config = chosen(**POOL)
    streaming, speech = (
        access.permissions(config, role, ACCOUNT, "bucket", [], "Z1") for role in ("streaming", "speech")
    )
    assert allows(streaming, "route53:ChangeResourceRecordSets", zone)
    assert not allows(streaming, "route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z2")
    assert allows(streaming, "autoscaling:DescribeAutoScalingGroups")
    assert not allows(streaming, "autoscaling:CompleteLifecycleAction", own)
    assert allows(speech, "autoscaling:CompleteLifecycleAction", own)
    assert not allows(speech, "autoscaling:CompleteLifecycleAction", f"{own}-else")
    for action in ("autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:SetDesiredCapacity"):
        assert not allows(speech, action, own)
    assert not allows(speech, "route53:ChangeResourceRecordSets", zone)


def test_the_deployer_may_make_it_and_its_policy_is_not_too_large() -> None:
    group = "arn:aws:autoscaling:eu-central-1:1:autoScalingGroup:x:autoScalingGroupName"
    assert allows(policy(), "autoscaling:CreateAutoScalingGroup", f"{group}/voicestack-prod-speech")
    assert not allows(policy(), "autoscaling:DeleteAutoScalingGroup", f"{group}/other")
    own = "arn:aws:iam::1:role/aws-service-role/{}.amazonaws.com/AWSServiceRole"
    assert allows(policy(), "iam:CreateServiceLinkedRole", own.format("autoscaling"))
    assert not allows(policy(), "iam:CreateServiceLinkedRole", own.format("ecs"))
    assert len(json.dumps(policy(), separators=(",", ":"))) < LARGEST_POLICY


def test_the_doctor_counts_as_many_hosts_as_there_may_be() -> None:
    class Account:
        """A stand-in for an account where nothing runs yet."""

        def __call__(self, _: str) -> Account:
            return self

        def get_paginator(self, _: str) -> Account:
            return self

        def paginate(self, **_: Any) -> Any:
            return [{"Reservations": []}]

        def describe_instance_types(self, InstanceTypes: Any) -> Any:
            return {
                "InstanceTypes": [
                    {"InstanceType": each, "VCpuInfo": {"DefaultVCpus": 4}} for each in InstanceTypes
                ]
            }

        def get_service_quota(self, **_: Any) -> Any:
            return {"Quota": {"Value": 12.0}}

    found = [each.detail for each in quotas(chosen(**POOL), Account()) if each.state == "missing"]
    assert found == ["Running On-Demand G and VT instances: 16 processors wanted, 0 in use, 12 allowed"]


class Groups:
    """A stand-in for a group whose instances are others each time that it is asked."""

    def __init__(self, *looks: dict[str, str]) -> None:
        self.looks = list(looks)

    def describe_auto_scaling_groups(self, **_: Any) -> dict[str, Any]:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        instances = [{"InstanceId": name, "LifecycleState": state} for name, state in look.items()]
        return {"AutoScalingGroups": [{"Instances": instances}]}


def test_each_host_of_a_pool_is_brought_to_its_release_once_there_are_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(rollout, "converge", lambda _, host, *__: asked.append(host.instance))
    groups = Groups(
        {}, {"i-1": "Pending:Wait", "i-9": "Terminating:Wait"}, {"i-1": "InService", "i-2": "Pending"}
    )
    assert converge_pool(groups, None, "group", 2, lambda _: None, lambda _: None) == "healthy"
    assert asked == ["i-1", "i-2"]


def test_a_host_that_has_left_is_no_failure_and_one_that_is_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any, host: Any, *__: Any) -> None:
        if host.instance == "i-1":
            raise RolloutFailed("sts is unhealthy")

    monkeypatch.setattr(rollout, "converge", fails)
    gone = Groups({"i-1": "InService"}, {"i-1": "Terminating:Wait", "i-2": "InService"})
    assert converge_pool(gone, None, "group", 1, lambda _: None, lambda _: None) == "healthy"
    with pytest.raises(RolloutFailed, match="sts is unhealthy"):
        converge_pool(Groups({"i-1": "InService"}), None, "group", 1, lambda _: None, lambda _: None)


def test_a_group_that_starts_no_host_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "ONLINE_WITHIN", -1.0)
    with pytest.raises(RolloutFailed, match="0 of 1 hosts"):
        converge_pool(Groups({}), None, "group", 1, lambda _: None, lambda _: None)
