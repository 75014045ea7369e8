"""The volumes that outlive hosts, and their snapshots."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi
from pulumi_aws import dlm, ebs, iam

from infra.aws.bucket import AccountArgs
from infra.aws.config import AwsConfig, HostConfig
from infra.component import Component

TAKEN_AT = "03:00"  # UTC
SNAPSHOT_TAG = "snapshots"


def data_volume(
    name: str, config: AwsConfig, host: HostConfig, opts: pulumi.ResourceOptions | None = None
) -> ebs.Volume:
    """The volume of a host, whoever that host is: encrypted, and deleted by nobody by accident.

    A snapshot that it is to begin with counts when it is made; another one later needs a host to renew, whose
    user data then names the volume that is made from it.
    """
    return ebs.Volume(
        name,
        availability_zone=host.zone,
        size=host.volume,
        type="gp3",
        encrypted=True,
        snapshot_id=host.snapshot or None,
        tags={SNAPSHOT_TAG: config.stack},
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(protect=True, ignore_changes=[] if host.renew else ["snapshotId"])
        ),
    )


class Snapshots(Component):
    """A snapshot of every volume each night, by Data Lifecycle Manager; the last ones are kept."""

    def __init__(self, name: str, args: AccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Snapshots", name, opts)
        config, inside = args.config, self.inside("snapshots")
        role = iam.Role(
            self.named(),
            name=f"{config.name}-snapshots",
            assume_role_policy=pulumi.Output.from_input(args.account).apply(
                lambda known: json.dumps(trust("dlm.amazonaws.com", own_policies(config.region, known)))
            ),
            opts=inside,
        )
        permission = iam.RolePolicy(
            self.named(),
            name="snapshots",
            role=role.name,
            policy=json.dumps(permissions(config.stack)),
            opts=inside,
        )
        taken = dlm.LifecyclePolicy(
            self.named(),
            description=f"Voicestack {config.stack} daily",
            execution_role_arn=role.arn,
            state="ENABLED",
            policy_details=dlm.LifecyclePolicyPolicyDetailsArgs(
                resource_types=["VOLUME"],
                target_tags={SNAPSHOT_TAG: config.stack},
                schedules=[
                    dlm.LifecyclePolicyPolicyDetailsScheduleArgs(
                        name="daily",
                        create_rule=dlm.LifecyclePolicyPolicyDetailsScheduleCreateRuleArgs(
                            interval=24, interval_unit="HOURS", times=TAKEN_AT
                        ),
                        retain_rule=dlm.LifecyclePolicyPolicyDetailsScheduleRetainRuleArgs(
                            count=config.snapshots
                        ),
                        copy_tags=True,
                    )
                ],
            ),
            opts=self.inside("snapshots", depends_on=[permission]),
        )
        self.register_outputs({"policy": taken.id})


def trust(service: str, condition: Mapping[str, object] | None = None) -> dict[str, object]:
    """A policy that lets a service of AWS take a role."""
    allowed = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    limited = {"Condition": condition} if condition else {}
    return {"Version": "2012-10-17", "Statement": [allowed | limited]}


def own_policies(region: str, account: str) -> dict[str, object]:
    """That the service acts for a policy of this account: in another one, anybody may name this role."""
    return {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:aws:dlm:{region}:{account}:policy/*"},
    }


def permissions(stack: str) -> dict[str, object]:
    """What taking snapshots needs: snapshots of this stack's volumes alone, and those alone deleted."""
    own = {"StringEquals": {f"aws:ResourceTag/{SNAPSHOT_TAG}": stack}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "ec2:CreateSnapshot",
                "Resource": "arn:aws:ec2:*:*:volume/*",
                "Condition": own,
            },
            {
                "Effect": "Allow",
                "Action": "ec2:CreateSnapshot",
                "Resource": "arn:aws:ec2:*::snapshot/*",
            },
            {
                "Effect": "Allow",
                "Action": "ec2:DeleteSnapshot",
                "Resource": "arn:aws:ec2:*::snapshot/*",
                "Condition": own,
            },
            {
                "Effect": "Allow",
                "Action": ["ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots"],
                "Resource": "*",
            },
            # As in AWS's own policy for this role: it is not told whether the service tags while it creates.
            {"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*::snapshot/*"},
        ],
    }
