"""Speech hosts that come and go: an Auto Scaling group, and the name that has the addresses of its hosts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import pulumi
from pulumi_aws import autoscaling, ec2, route53

from app import catalog
from app.release import names
from infra.aws.access import Access
from infra.aws.config import DATA_DEVICE, ROOT_DEVICE, SPEECH, AwsConfig, HostConfig, PoolConfig
from infra.aws.network import Network
from infra.aws.tags import of_hosts
from infra.component import Component

ARRIVES_WITHIN = 7200  # seconds until a new host is given up: it may have many models to fetch
LEAVES_WITHIN = 300  # seconds until a host that was to end is ended, whatever it says
FULL_ENOUGH = 60.0  # percent of the sessions that hosts have room for: beyond it one more host is started
WARM_AFTER = 60  # seconds until a new host, healthy by then, shows in the measured load
RESERVED = 8  # addresses around that of the streaming host: /29


@dataclass(frozen=True)
class PoolZoneArgs:
    """The stack, and the network that the zone's names are known in."""

    config: AwsConfig
    network: Network


class PoolZone(Component):
    """A private zone for the pool's name. The streaming host keeps the name, whatever Pulumi does."""

    zone: route53.Zone

    def __init__(self, name: str, args: PoolZoneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        config, network = args.config, args.network
        super().__init__("aws:PoolZone", name, opts)
        self.zone = route53.Zone(
            self.named(),
            name=config.pool_zone,
            comment=f"Voicestack {config.stack}: speech hosts",
            vpcs=[route53.ZoneVpcArgs(vpc_id=network.vpc.id)],
            # The record in it is none of Pulumi's.
            force_destroy=True,
            opts=self.inside("pool-zone"),
        )
        self.register_outputs({"zone": self.zone.zone_id})


def told(config: AwsConfig, zone: str) -> dict[str, Any]:
    """What hosts have to know of the pool; nothing where there is none."""
    if not config.pool:
        return {}
    return {
        "group": names.speech_group(config.stack),
        "arriving": names.ARRIVING,
        "leaving": names.LEAVING,
        "zone": zone,
        "name": config.pool_name,
        "port": catalog.get("sts").port("http").number,
        "load": names.LOAD_METRIC,
    }


@dataclass(frozen=True)
class PoolArgs:
    """Where the hosts stand, what they may do, the text of their first boot, and what has to be there
    `before`."""

    config: AwsConfig
    pool: PoolConfig
    network: Network
    access: Access
    key: ec2.KeyPair | None
    user_data: pulumi.Input[str]
    before: Sequence[pulumi.Resource] = ()


class Pool(Component):
    """A launch template, and the group that starts hosts by it and ends them."""

    group: autoscaling.Group

    def __init__(self, name: str, args: PoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        config, network, pool = args.config, args.network, args.pool
        super().__init__("aws:Pool", name, of_hosts(opts, SPEECH))
        # The address of the streaming host is its own, also while that is being replaced.
        kept = ec2.SubnetCidrReservation(
            self.named("kept"),
            subnet_id=network.subnet.id,
            cidr_block=str(reserved(config)),
            reservation_type="explicit",
            description="of fixed hosts",
            opts=self.inside("pool-kept"),
        )
        template = self._template(args)
        self.group = autoscaling.Group(
            self.named(),
            name=names.speech_group(config.stack),
            min_size=pool.least,
            max_size=pool.most,
            vpc_zone_identifiers=[network.subnet.id],
            launch_template=autoscaling.GroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            health_check_type="EC2",
            default_instance_warmup=WARM_AFTER,
            # A spot host that may soon be taken back has a successor before it is.
            capacity_rebalance=pool.host.spot,
            initial_lifecycle_hooks=hooks(),
            # `up` waits for the hosts itself, and says meanwhile what they do.
            wait_for_capacity_timeout="0",
            opts=self.inside("pool", depends_on=[*network.ready, args.access.policy, kept, *args.before]),
        )
        autoscaling.Policy(
            self.named(),
            name=f"{config.name}-load",
            autoscaling_group_name=self.group.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=load(config),
            opts=self.inside("pool"),
        )
        self.register_outputs({"group": self.group.name, "template": template.id})

    def _template(self, args: PoolArgs) -> ec2.LaunchTemplate:
        config, host = args.config, args.pool.host
        market = ec2.LaunchTemplateInstanceMarketOptionsArgs(market_type="spot") if host.spot else None
        return ec2.LaunchTemplate(
            self.named(),
            name=f"{config.name}-speech",
            image_id=host.ami,
            instance_type=host.instance_type,
            iam_instance_profile=ec2.LaunchTemplateIamInstanceProfileArgs(name=args.access.profile.name),
            key_name=args.key.key_name if args.key else None,
            vpc_security_group_ids=[args.network.groups["speech"].id],
            user_data=pulumi.Output.from_input(args.user_data).apply(encoded),
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=disks(host),
            instance_market_options=market,
            # Instances have the tags of their group.
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(
                    resource_type="volume", tags=config.tags(f"{SPEECH}-root", SPEECH)
                )
            ],
            update_default_version=True,
            opts=self.inside("pool"),
        )


def disks(host: HostConfig) -> list[ec2.LaunchTemplateBlockDeviceMappingArgs]:
    """The disk that a host boots from, and one with its models where there is a snapshot of them."""

    def disk(device: str, size: int, snapshot: str = "") -> ec2.LaunchTemplateBlockDeviceMappingArgs:
        return ec2.LaunchTemplateBlockDeviceMappingArgs(
            device_name=device,
            ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                volume_type="gp3",
                volume_size=size,
                snapshot_id=snapshot or None,
                encrypted="true",
                delete_on_termination="true",
            ),
        )

    found = [disk(ROOT_DEVICE, host.root)]
    return [*found, disk(DATA_DEVICE, host.volume, host.snapshot)] if host.snapshot else found


def hooks() -> list[autoscaling.GroupInitialLifecycleHookArgs]:
    """A new host takes part once it is healthy, and one that is to end has time to hand over its streams."""
    return [
        autoscaling.GroupInitialLifecycleHookArgs(
            name=name,
            lifecycle_transition=f"autoscaling:EC2_INSTANCE_{transition}",
            heartbeat_timeout=within,
            default_result=otherwise,
        )
        for name, transition, within, otherwise in (
            (names.ARRIVING, "LAUNCHING", ARRIVES_WITHIN, "ABANDON"),
            (names.LEAVING, "TERMINATING", LEAVES_WITHIN, "CONTINUE"),
        )
    ]


def load(config: AwsConfig) -> autoscaling.PolicyTargetTrackingConfigurationArgs:
    """As many hosts as keep the load, which the streaming host measures, near what is full enough."""
    stack = autoscaling.PolicyTargetTrackingConfigurationCustomizedMetricSpecificationMetricDimensionArgs(
        name="stack", value=config.stack
    )
    return autoscaling.PolicyTargetTrackingConfigurationArgs(
        target_value=FULL_ENOUGH,
        customized_metric_specification=autoscaling.PolicyTargetTrackingConfigurationCustomizedMetricSpecificationArgs(
            namespace=names.metrics(config.stack, "streaming"),
            metric_name=names.LOAD_METRIC,
            metric_dimensions=[stack],
            statistic="Average",
        ),
    )


def reserved(config: AwsConfig) -> IPv4Network:
    """The addresses that no host of the pool is given."""
    address = int(config.network[RESERVED])
    return IPv4Network((address, 32 - (RESERVED - 1).bit_length()))


def encoded(text: str) -> str:
    """User data as a launch template holds it."""
    return base64.b64encode(text.encode()).decode()
