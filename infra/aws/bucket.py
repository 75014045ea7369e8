"""Where the bundles of releases lie."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from infra.aws.config import AwsConfig
from infra.component import Component


@dataclass(frozen=True)
class AccountArgs:
    """The stack, and the account that it is in."""

    config: AwsConfig
    account: pulumi.Input[str]


class Bucket(Component):
    """A bucket that nobody outside can open. It goes with the stack: bundles can be made anew."""

    bucket: s3.Bucket

    def __init__(self, name: str, args: AccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Bucket", name, opts)
        config, inside = args.config, self.inside("releases")
        self.bucket = s3.Bucket(
            self.named(),
            # Bucket names are shared by everybody on AWS.
            bucket=pulumi.Output.from_input(args.account).apply(
                lambda known: f"{config.name}-releases-{known}-{config.region}"
            ),
            force_destroy=True,
            opts=inside,
        )
        close(self.named(), self.bucket, inside)
        self.register_outputs({"bucket": self.bucket.bucket})


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
