"""Where the archive's uploads lie, and the role by which its services reach them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
from pulumi_aws import iam, s3

from infra.aws.bucket import close
from infra.aws.config import AwsConfig

BROKEN_OFF_AFTER = 2  # days after which the parts of an upload that nobody ended are deleted
FILES, BACKUPS = "transcripts", "backups"  # what the keys of app.archive begin with


class Uploads(pulumi.ComponentResource):
    """A bucket that nobody outside can open and that no slip deletes, and a role that may use it.

    The metadata service answers no container, so that none has what its host may do: the host takes this role
    and hands its credentials, good for an hour, to the services that need them.
    """

    bucket: s3.Bucket
    role: iam.Role

    def __init__(
        self,
        config: AwsConfig,
        account: pulumi.Input[str],
        hosts: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("voicestack:aws:Uploads", "uploads", {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.bucket = s3.Bucket(
            "uploads",
            bucket=pulumi.Output.from_input(account).apply(
                lambda known: f"{config.name}-uploads-{known}-{config.region}"
            ),
            tags=config.tags("uploads"),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        close("uploads", self.bucket, inside)
        s3.BucketServerSideEncryptionConfiguration(
            "uploads",
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
            "uploads",
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
            "uploads",
            name=uploads_role(config),
            assume_role_policy=pulumi.Output.all(*hosts).apply(lambda known: json.dumps(trust(known))),
            tags=config.tags("uploads"),
            opts=inside,
        )
        iam.RolePolicy(
            "uploads",
            name="uploads",
            role=self.role.name,
            policy=self.bucket.bucket.apply(lambda name: json.dumps(permissions(name))),
            opts=inside,
        )
        self.register_outputs({})


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
