"""Where the archive's uploads lie, and the role by which its services reach them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam, s3

from infra.aws.bucket import close
from infra.aws.config import AwsConfig
from infra.component import Component

BROKEN_OFF_AFTER = 2  # days after which the parts of an upload that nobody ended are deleted
FILES, BACKUPS = "transcripts", "backups"  # what the keys of app.archive begin with


@dataclass(frozen=True)
class UploadsArgs:
    """The stack, its account, and the roles of the hosts that reach the uploads."""

    config: AwsConfig
    account: pulumi.Input[str]
    hosts: Sequence[pulumi.Input[str]]


class Uploads(Component):
    """A bucket that nobody outside can open and that no slip deletes, and a role that may use it.

    The metadata service answers no container, so that none has what its host may do: the host takes this role
    and hands its credentials, good for an hour, to the services that need them.
    """

    bucket: s3.Bucket
    role: iam.Role

    def __init__(self, name: str, args: UploadsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Uploads", name, opts)
        config, inside = args.config, self.inside("uploads")
        self.bucket = s3.Bucket(
            self.named(),
            bucket=pulumi.Output.from_input(args.account).apply(
                lambda known: f"{config.name}-uploads-{known}-{config.region}"
            ),
            opts=self.inside("uploads", protect=True),
        )
        close(self.named(), self.bucket, inside)
        s3.BucketServerSideEncryptionConfiguration(
            self.named(),
            bucket=self.bucket.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256"
                    )
                )
            ],
            opts=inside,
        )
        s3.BucketLifecycleConfiguration(
            self.named(),
            bucket=self.bucket.id,
            rules=[
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="broken-off",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=BROKEN_OFF_AFTER
                    ),
                ),
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="old-backups",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=f"{BACKUPS}/"),
                    expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=config.snapshots),
                ),
            ],
            opts=inside,
        )
        self.role = iam.Role(
            self.named(),
            name=uploads_role(config),
            assume_role_policy=pulumi.Output.all(*args.hosts).apply(lambda known: json.dumps(trust(known))),
            opts=inside,
        )
        iam.RolePolicy(
            self.named(),
            name="uploads",
            role=self.role.name,
            policy=self.bucket.bucket.apply(lambda bucket: json.dumps(permissions(bucket))),
            opts=inside,
        )
        self.register_outputs({"bucket": self.bucket.bucket, "role": self.role.arn})


def uploads_role(config: AwsConfig) -> str:
    """What the role is called."""
    return f"{config.name}-uploads"


def trust(hosts: Sequence[str]) -> dict[str, object]:
    """That hosts of these roles may take it."""
    allowed = {"Effect": "Allow", "Principal": {"AWS": list(hosts)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allowed]}


def permissions(bucket: str) -> dict[str, object]:
    """Files; backups, which are made and not deleted; and the list of them, without which S3 says of a file
    that is gone that it may not be read."""
    whole = f"arn:aws:s3:::{bucket}"
    files = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": files, "Resource": f"{whole}/{FILES}/*"},
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": f"{whole}/{BACKUPS}/*",
            },
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": whole},
        ],
    }
