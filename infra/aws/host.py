"""A host: an instance with its own volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pulumi
from pulumi_aws import ebs, ec2

from infra.aws.access import Access
from infra.aws.config import AwsConfig, HostConfig
from infra.aws.network import Network
from infra.aws.volume import data_volume

DEVICE = "/dev/sdf"
# What makes no new host of one that runs, unless it is to renew: another machine image, other user data.
PINNED = ["ami", "userData", "keyName"]


class Host(pulumi.ComponentResource):
    """An instance that keeps its private address and its volume when it is replaced.

    `user_data` makes the text of its first boot from the id of that volume.
    """

    instance: ec2.Instance
    volume: ebs.Volume
    attachment: ec2.VolumeAttachment

    def __init__(
        self,
        config: AwsConfig,
        host: HostConfig,
        network: Network,
        access: Access,
        key: ec2.KeyPair | None,
        user_data: Callable[[pulumi.Output[str]], pulumi.Output[str]],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("voicestack:aws:Host", host.name, {}, opts)
        self.volume = data_volume(config, host, pulumi.ResourceOptions(parent=self))
        self.instance = ec2.Instance(
            host.name,
            ami=host.ami,
            instance_type=host.instance_type,
            subnet_id=network.subnet.id,
            private_ip=host.address,
            vpc_security_group_ids=[network.groups[host.role].id],
            iam_instance_profile=access.profile.name,
            key_name=key.key_name if key else None,
            user_data=user_data(self.volume.id),
            user_data_replace_on_change=True,
            # A container has no way to the credentials of its host: the answer may take one hop only.
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=host.root,
                encrypted=True,
                tags=config.tags(f"{host.name}-root", host.role, host.name),
            ),
            instance_market_options=spot() if host.spot else None,
            tags=config.tags(host.name, host.role, host.name),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The volume is attached to one instance at a time, and the address is one instance's.
                delete_before_replace=True,
                ignore_changes=[] if host.renew else PINNED,
                depends_on=[*network.ready, access.policy, *after],
            ),
        )
        self.attachment = ec2.VolumeAttachment(
            f"{host.name}-data",
            device_name=DEVICE,
            instance_id=self.instance.id,
            volume_id=self.volume.id,
            stop_instance_before_detaching=True,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.register_outputs({})


def spot() -> ec2.InstanceInstanceMarketOptionsArgs:
    """A spot instance that is stopped when AWS wants it back, and started when there is room again."""
    return ec2.InstanceInstanceMarketOptionsArgs(
        market_type="spot",
        spot_options=ec2.InstanceInstanceMarketOptionsSpotOptionsArgs(
            instance_interruption_behavior="stop", spot_instance_type="persistent"
        ),
    )
