"""A host: an instance with its own volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ebs, ec2

from infra.aws.access import Access
from infra.aws.config import DATA_DEVICE, AwsConfig, HostConfig
from infra.aws.network import Network
from infra.aws.tags import of_hosts
from infra.aws.volume import data_volume
from infra.component import Component

# What makes no new host of one that runs, unless it is to renew: another machine image, other user data.
PINNED = ["ami", "userData", "keyName"]


@dataclass(frozen=True)
class HostArgs:
    """The host, where it stands and what it may do; without a `key` nobody logs in.

    `user_data` makes the text of its first boot from the id of its volume; `after` has to be there before.
    """

    config: AwsConfig
    host: HostConfig
    network: Network
    access: Access
    key: ec2.KeyPair | None
    user_data: Callable[[pulumi.Output[str]], pulumi.Output[str]]
    after: Sequence[pulumi.Resource] = ()


class Host(Component):
    """An instance that keeps its private address and its volume when it is replaced."""

    instance: ec2.Instance
    volume: ebs.Volume
    attachment: ec2.VolumeAttachment

    def __init__(self, name: str, args: HostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        config, host, network = args.config, args.host, args.network
        super().__init__("aws:Host", name, of_hosts(opts, host.role, host.name))
        data = f"{host.name}-data"
        self.volume = data_volume(self.named("data"), config, host, self.inside(data))
        self.instance = ec2.Instance(
            self.named(),
            ami=host.ami,
            instance_type=host.instance_type,
            subnet_id=network.subnets[host.zone].id,
            private_ip=host.address,
            vpc_security_group_ids=[group.id for group in network.groups_of(host.role)],
            iam_instance_profile=args.access.profile.name,
            key_name=args.key.key_name if args.key else None,
            user_data=args.user_data(self.volume.id),
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
            opts=self.inside(
                host.name,
                # The volume is attached to one instance at a time, and the address is one instance's.
                delete_before_replace=True,
                ignore_changes=[] if host.renew else PINNED,
                depends_on=[*network.ready, args.access.policy, *args.after],
            ),
        )
        self.attachment = ec2.VolumeAttachment(
            self.named("data"),
            device_name=DATA_DEVICE,
            instance_id=self.instance.id,
            volume_id=self.volume.id,
            stop_instance_before_detaching=True,
            opts=self.inside(data, delete_before_replace=True),
        )
        self.register_outputs({"instance": self.instance.id, "volume": self.volume.id})


def spot() -> ec2.InstanceInstanceMarketOptionsArgs:
    """A spot instance that is stopped when AWS wants it back, and started when there is room again."""
    return ec2.InstanceInstanceMarketOptionsArgs(
        market_type="spot",
        spot_options=ec2.InstanceInstanceMarketOptionsSpotOptionsArgs(
            instance_interruption_behavior="stop", spot_instance_type="persistent"
        ),
    )
