"""Where the bundles of releases lie."""

from __future__ import annotations

import pulumi
from pulumi_aws import s3

from infra.aws.config import AwsConfig


class Bucket(pulumi.ComponentResource):
    """A bucket that nobody outside can open. It goes with the stack: bundles can be made anew."""

    bucket: s3.Bucket

    def __init__(
        self, config: AwsConfig, account: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("voicestack:aws:Bucket", "releases", {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.bucket = s3.Bucket(
            "releases",
            # Bucket names are shared by everybody on AWS.
            bucket=pulumi.Output.from_input(account).apply(
                lambda known: f"{config.name}-releases-{known}-{config.region}"
            ),
            force_destroy=True,
            tags=config.tags("releases"),
            opts=inside,
        )
        close("releases", self.bucket, inside)
        self.register_outputs({})


def close(name: str, bucket: s3.Bucket, opts: pulumi.ResourceOptions) -> None:
    """Lets nobody outside open a bucket, whatever its policies come to say."""
    s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
