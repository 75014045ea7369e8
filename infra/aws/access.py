"""What the hosts of a role may do: fetch their images, their release and their secrets, and report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from app.release import names
from infra.aws.config import AwsConfig
from infra.aws.tags import of_hosts
from infra.aws.uploads import uploads_role
from infra.aws.volume import trust
from infra.component import Component

# What the agent of Systems Manager needs for Run Command. The managed policy for it would let every host
# read every parameter, also the secrets of the others.
AGENT = [
    "ssm:UpdateInstanceInformation",
    "ssm:ListInstanceAssociations",
    "ssm:ListAssociations",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
]
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]


@dataclass(frozen=True)
class AccessArgs:
    """Whose access it is, and to what: the account, the bucket of releases, the repositories by image, and of
    a pool the id of its zone."""

    config: AwsConfig
    role: names.Role
    account: pulumi.Input[str]
    bucket: pulumi.Input[str]
    repositories: Mapping[str, pulumi.Output[str]]
    zone: pulumi.Input[str] = ""


class Access(Component):
    """The instance profile of the hosts of a role."""

    profile: iam.InstanceProfile
    identity: iam.Role

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Access", name, of_hosts(opts, args.role))
        config, role = args.config, args.role
        inside = self.inside(role)
        self.identity = iam.Role(
            self.named(),
            name=f"{config.name}-{role}",
            assume_role_policy=json.dumps(trust("ec2.amazonaws.com")),
            opts=inside,
        )
        pulled = [args.repositories[each] for each in config.images_of(role)]
        self.policy = iam.RolePolicy(
            self.named(),
            name="host",
            role=self.identity.name,
            policy=pulumi.Output.all(args.account, args.bucket, args.zone, *pulled).apply(
                lambda known: json.dumps(permissions(config, role, known[0], known[1], known[3:], known[2]))
            ),
            opts=inside,
        )
        self.profile = iam.InstanceProfile(
            self.named(),
            name=f"{config.name}-{role}",
            role=self.identity.name,
            opts=inside,
        )
        self.register_outputs({"profile": self.profile.name, "role": self.identity.arn})


def permissions(
    config: AwsConfig,
    role: names.Role,
    account: str,
    bucket: str,
    repositories: Sequence[str],
    zone: str = "",
) -> dict[str, object]:
    """The policy of the hosts of a role, each part of it limited to what is theirs.

    They read alone: their release, their bundles, their secrets, their images. What they write are their own
    measurements and logs, so that a host in the wrong hands silences no alarm of another one. The streaming
    host keeps the name of a pool in its `zone`, and whoever is of the pool says how far it has come.
    """
    parameters = f"arn:aws:ssm:{config.region}:{account}:parameter"
    secrets = f"{parameters}{names.secrets_path(config.stack, role)}"
    allowed: list[tuple[Sequence[str], str | Sequence[str], Mapping[str, object]]] = [
        (AGENT, "*", {}),
        (["ecr:GetAuthorizationToken"], "*", {}),
        (PULL, list(repositories), {}),
        (["s3:GetObject"], f"arn:aws:s3:::{bucket}/{names.bundle_key(role, '*')}", {}),
        (["ssm:GetParameter"], f"{parameters}{names.release_parameter(config.stack, role)}", {}),
        (["ssm:GetParametersByPath"], [secrets, f"{secrets}/*"], {}),
        (
            ["cloudwatch:PutMetricData"],
            "*",
            {"StringEquals": {"cloudwatch:namespace": names.metrics(config.stack, role)}},
        ),
    ]
    if config.pool and role == "streaming":
        allowed.append((["autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances"], "*", {}))
        allowed.append((["route53:ChangeResourceRecordSets"], f"arn:aws:route53:::hostedzone/{zone}", {}))
    if config.pool and role == "speech":
        group = f"autoScalingGroup:*:autoScalingGroupName/{names.speech_group(config.stack)}"
        own_group = f"arn:aws:autoscaling:{config.region}:{account}:{group}"
        allowed.append((["autoscaling:CompleteLifecycleAction"], own_group, {}))
    if config.archives(role):
        allowed.append((["sts:AssumeRole"], f"arn:aws:iam::{account}:role/{uploads_role(config)}", {}))
    if config.logs:
        group = f"arn:aws:logs:{config.region}:{account}:log-group:{names.log_group(config.stack)}"
        # A stream is named HOST/SERVICE, and a host's name begins with its role.
        own = f"{group}:log-stream:{role}*"
        allowed.append((["logs:CreateLogStream"], [group, own], {}))
        allowed.append((["logs:PutLogEvents"], own, {}))
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": resource}
            | ({"Condition": condition} if condition else {})
            for actions, resource, condition in allowed
        ],
    }
