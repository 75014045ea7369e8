"""What somebody could do who has taken over a host: its own work, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.release import names
from app.release.names import Role
from infra.aws import access, volume
from infra.aws.read import STACK
from tests.unit.infra.aws.evaluation import allows
from tests.unit.infra.aws.given_values import REGION, chosen

ACCOUNT = "123456789012"
BUCKET = f"voicestack-prod-releases-{ACCOUNT}-{REGION}"
SSM = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
ECR = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
IMAGES = {"streaming": ("media", "app"), "speech": ("speech-cuda",)}
OTHERS: list[tuple[Role, Role]] = [("streaming", "speech"), ("speech", "streaming")]
ROLES: tuple[Role, ...] = get_args(Role)


def policy(role: Role) -> Mapping[str, Any]:
    """What a host of a role may do, with logs in CloudWatch."""
    repositories = [f"{ECR}/voicestack-prod/{image}" for image in IMAGES[role]]
    return access.permissions(chosen(logs="true"), role, ACCOUNT, BUCKET, repositories)


def bundle(role: Role) -> str:
    """A release's place in the bucket."""
    return f"arn:aws:s3:::{BUCKET}/{names.bundle_key(role, '3f1c')}"


def stream(role: Role, stack: str = "prod") -> str:
    """The log stream of a service on the first host of a role."""
    host = "streaming" if role == "streaming" else "speech-1"
    return f"{LOGS}:{names.log_group(stack)}:log-stream:{host}/web"


@pytest.mark.parametrize("role", ROLES)
def test_a_host_may_do_its_work(role: Role) -> None:
    own = policy(role)
    assert allows(own, "ssm:GetParameter", SSM + names.release_parameter("prod", role))
    assert allows(own, "ssm:GetParametersByPath", SSM + names.secrets_path("prod", role))
    assert allows(own, "s3:GetObject", bundle(role))
    assert allows(own, "ecr:GetAuthorizationToken")
    for image in IMAGES[role]:
        assert allows(own, "ecr:BatchGetImage", f"{ECR}/voicestack-prod/{image}")
    namespace = {"cloudwatch:namespace": names.metrics("prod", role)}
    assert allows(own, "cloudwatch:PutMetricData", context=namespace)
    assert allows(own, "logs:CreateLogStream", f"{LOGS}:{names.log_group('prod')}")
    assert allows(own, "logs:PutLogEvents", stream(role))


@pytest.mark.parametrize(("role", "other"), OTHERS)
def test_a_host_reads_nothing_of_the_hosts_of_the_other_role(role: Role, other: Role) -> None:
    own, secrets = policy(role), names.secrets_path("prod", other)
    for action in (
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
        "ssm:GetParameterHistory",
    ):
        for path in (secrets, f"{secrets}/API_KEYS", names.release_parameter("prod", other)):
            assert not allows(own, action, SSM + path), (action, path)
    assert not allows(own, "s3:GetObject", bundle(other))
    for image in IMAGES[other]:
        assert not allows(own, "ecr:BatchGetImage", f"{ECR}/voicestack-prod/{image}")


@pytest.mark.parametrize("role", ROLES)
def test_secrets_are_not_read_by_a_path_above_them(role: Role) -> None:
    for path in ("/", "/voicestack", "/voicestack/prod", f"/voicestack/prod/{role}"):
        assert not allows(policy(role), "ssm:GetParametersByPath", SSM + path)


@pytest.mark.parametrize(("role", "other"), OTHERS)
def test_a_host_silences_no_alarm_and_writes_no_log_of_another_one(role: Role, other: Role) -> None:
    own = policy(role)
    for namespace in (names.metrics("prod", other), names.metrics("test", role), names.METRICS, "AWS/EC2"):
        asked = {"cloudwatch:namespace": namespace}
        assert not allows(own, "cloudwatch:PutMetricData", context=asked), namespace
    for action in ("cloudwatch:SetAlarmState", "cloudwatch:DeleteAlarms", "cloudwatch:DisableAlarmActions"):
        assert not allows(own, action)
    for action in ("logs:PutLogEvents", "logs:CreateLogStream"):
        assert not allows(own, action, stream(other))
        assert not allows(own, action, stream(role, "test"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:PutObject", bundle("streaming")),
        ("s3:PutObject", bundle("speech")),
        ("s3:DeleteObject", bundle("speech")),
        ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
        ("s3:PutBucketPolicy", f"arn:aws:s3:::{BUCKET}"),
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/other"),
        ("s3:GetObject", "arn:aws:s3:::voicestack-test-releases/releases/speech/3f1c.json"),
        ("ssm:PutParameter", SSM + names.release_parameter("prod", "streaming")),
        ("ssm:PutParameter", SSM + names.release_parameter("prod", "speech")),
        ("ssm:DescribeParameters", "*"),
        ("ssm:SendCommand", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123456789abcdef0"),
        ("ssm:StartSession", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123456789abcdef0"),
        ("ecr:PutImage", f"{ECR}/voicestack-prod/speech-cuda"),
        ("ecr:InitiateLayerUpload", f"{ECR}/voicestack-prod/app"),
        ("ecr:DeleteRepository", f"{ECR}/voicestack-prod/app"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/voicestack-prod-streaming"),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/voicestack-prod-streaming"),
        ("iam:CreateAccessKey", "*"),
        ("ec2:DetachVolume", f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-0123456789abcdef0"),
        ("ec2:CreateSnapshot", f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-0123456789abcdef0"),
        ("ec2:AuthorizeSecurityGroupIngress", "*"),
        ("logs:GetLogEvents", stream("streaming")),
        ("logs:DeleteLogGroup", f"{LOGS}:{names.log_group('prod')}"),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"),
        ("route53:ChangeResourceRecordSets", "*"),
    ],
)
def test_a_host_in_the_wrong_hands_changes_nothing(role: Role, action: str, resource: str) -> None:
    assert not allows(policy(role), action, resource)


@given(stack=st.from_regex(STACK, fullmatch=True), role=st.sampled_from(ROLES), other=st.sampled_from(ROLES))
def test_a_host_reads_and_writes_nothing_of_another_stack(stack: str, role: Role, other: Role) -> None:
    assume(stack != "prod")
    own = policy(role)
    assert not allows(own, "ssm:GetParameter", SSM + names.release_parameter(stack, other))
    assert not allows(own, "ssm:GetParametersByPath", SSM + names.secrets_path(stack, other))
    assert not allows(own, "logs:PutLogEvents", stream(other, stack))
    assert not allows(
        own, "cloudwatch:PutMetricData", context={"cloudwatch:namespace": names.metrics(stack, other)}
    )
    assert not allows(own, "ecr:BatchGetImage", f"{ECR}/voicestack-{stack}/app")


def test_only_the_agents_own_calls_and_a_login_are_open_to_every_resource() -> None:
    for role in ROLES:
        everywhere = {
            action
            for statement in policy(role)["Statement"]
            if statement["Resource"] == "*" and "Condition" not in statement
            for action in statement["Action"]
        }
        assert everywhere == {*access.AGENT, "ecr:GetAuthorizationToken"}
    assert not [action for action in access.AGENT if re.search(r"Parameter|Command$|Session$", action)]


def test_snapshots_are_taken_and_deleted_of_this_stacks_volumes_alone() -> None:
    may = volume.permissions("prod")
    some_volume, some_snapshot = "arn:aws:ec2:r:1:volume/vol-1", "arn:aws:ec2:r::snapshot/snap-1"
    for action, resource in (("ec2:CreateSnapshot", some_volume), ("ec2:DeleteSnapshot", some_snapshot)):
        assert allows(may, action, resource, {"aws:ResourceTag/snapshots": "prod"})
        assert not allows(may, action, resource, {"aws:ResourceTag/snapshots": "test"})
        assert not allows(may, action, resource)
    for action in ("ec2:DeleteVolume", "ec2:ModifySnapshotAttribute", "ec2:CreateVolume"):
        assert not allows(may, action, some_volume)
        assert not allows(may, action, some_snapshot)


def test_the_role_for_snapshots_is_taken_for_policies_of_this_account_alone() -> None:
    trusted: Any = volume.trust("dlm.amazonaws.com", volume.own_policies(REGION, ACCOUNT))
    (statement,) = trusted["Statement"]
    assert statement["Principal"] == {"Service": "dlm.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:dlm:{REGION}:{ACCOUNT}:policy/*"},
    }
