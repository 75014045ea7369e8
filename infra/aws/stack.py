"""Production: everything together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import cloudwatch, ec2

from app.release import names
from infra import hosts
from infra.aws.access import Access, AccessArgs
from infra.aws.alarms import Alarms, AlarmsArgs, topic
from infra.aws.bucket import AccountArgs, Bucket
from infra.aws.cdn import Cdn
from infra.aws.config import SPEECH, AwsConfig, HostConfig
from infra.aws.domain import Domain, DomainArgs
from infra.aws.host import Host, HostArgs
from infra.aws.network import Network
from infra.aws.pool import Pool, PoolArgs, PoolZone, PoolZoneArgs
from infra.aws.registry import Registry
from infra.aws.release import Release, ReleaseArgs
from infra.aws.rollout import roll_out, roll_out_pool
from infra.aws.secrets import Secrets, SecretsArgs
from infra.aws.tags import of_stack
from infra.aws.uploads import Uploads, UploadsArgs
from infra.aws.volume import Snapshots
from infra.component import Component

LOGS_KEPT = 30  # days


class AwsStack(Component):
    """Network, registry, hosts with their volumes, alarms, and the release that the hosts are brought to."""

    outputs: dict[str, Any]

    def __init__(self, name: str, config: AwsConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        tags = pulumi.ResourceOptions(transformations=[of_stack(config)])
        super().__init__("aws:AwsStack", name, pulumi.ResourceOptions.merge(opts, tags))
        self.config = config
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        owned = AccountArgs(config, account)
        self.bucket = Bucket(self.named("releases"), owned, self.inside("releases"))
        self.registry = Registry(self.named("registry"), config, self.inside("registry"))
        network = Network(self.named("network"), config, self.inside("network"))
        self.zone: pulumi.Input[str] = ""
        if config.pool:
            kept = PoolZone(self.named("pool-zone"), PoolZoneArgs(config, network), self.inside("pool-zone"))
            self.zone = kept.zone.zone_id
        address = ec2.Eip(
            self.named("address"), domain="vpc", tags={names.ROLE_TAG: "streaming"},
            opts=self.inside("address"),
        )  # fmt: skip
        access = {
            role: Access(
                self.named(f"{role}-access"),
                AccessArgs(config, role, account, self.bucket.bucket.bucket, self.registry.arns, self.zone),
                self.inside(f"{role}-access"),
            )
            for role in config.roles
        }
        archiving = [access[role].identity.arn for role in config.roles if config.archives(role)]
        self.uploads = None
        if archiving:
            reached = UploadsArgs(config, account, archiving)
            self.uploads = Uploads(self.named("uploads"), reached, self.inside("uploads"))
        key = self._key() if config.ssh_key else None
        logs = self._logs() if config.logs else []
        self.hosts = {
            host.name: Host(
                self.named(host.name),
                HostArgs(config, host, network, access[host.role], key, self._user_data(host), logs),
                self.inside(host.name),
            )
            for host in config.hosts
        }
        reachable = ec2.EipAssociation(
            self.named("address"),
            allocation_id=address.allocation_id,
            instance_id=self.hosts["streaming"].instance.id,
            opts=self.inside("address"),
        )
        Snapshots(self.named("snapshots"), owned, self.inside("snapshots"))
        self._watch(address)
        if config.cdn:
            Cdn(self.named("cdn"), config, self.inside("cdn"))
        releases = {role: self._release(role, address) for role in config.roles}
        pools: dict[str, pulumi.Output[str]] = {}
        if config.pool:
            # A host of the group boots whenever the group wants one: its release is there before.
            text = self._user_data(config.pool.host)(pulumi.Output.from_input(""))
            before = releases["speech"].before
            made = PoolArgs(config, config.pool, network, access["speech"], key, text, [*logs, *before])
            group = Pool(self.named("pool"), made, self.inside("pool")).group
            pools[SPEECH] = roll_out_pool(config, config.pool, group)
        self.outputs = {
            "address": config.domain or address.public_ip,
            "hosts": {name: host.instance.id for name, host in self.hosts.items()},
            "bucket": self.bucket.bucket.bucket,
            **({"uploads": self.uploads.bucket.bucket} if self.uploads else {}),
            **({"cdn": f"https://{config.cdn_name}"} if config.cdn else {}),
            "releases": {role: release.key for role, release in releases.items()},
            "health": self._roll_out(releases, reachable, pools),
            **({"pool": names.speech_group(config.stack)} if config.pool else {}),
        }
        self.register_outputs(self.outputs)

    def _key(self) -> ec2.KeyPair:
        # Another key gets another name, or the old one would have to go before the new one comes.
        fingerprint = hashlib.sha256(self.config.ssh_key.encode()).hexdigest()[:8]
        return ec2.KeyPair(
            self.named("operators"),
            key_name=f"{self.config.name}-operators-{fingerprint}",
            public_key=self.config.ssh_key,
            opts=self.inside("operators"),
        )

    def _logs(self) -> list[pulumi.Resource]:
        return [
            cloudwatch.LogGroup(
                self.named("logs"),
                name=names.log_group(self.config.stack),
                retention_in_days=LOGS_KEPT,
                opts=self.inside("logs"),
            )
        ]

    def _roll_out(
        self,
        releases: dict[names.Role, Release],
        reachable: ec2.EipAssociation,
        pools: dict[str, pulumi.Output[str]],
    ) -> dict[str, pulumi.Output[str]]:
        """One host after the other, so that a bad release stops at the first: speech, then streaming."""
        done = dict(pools)
        for host in sorted(self.config.hosts, key=lambda each: each.role):
            made = self.hosts[host.name]
            before = [each.id for each in (*releases[host.role].before, made.attachment, reachable)]
            done[host.name] = roll_out(
                self.config, host, made.instance.id, made.instance, [*before, *done.values()]
            )
        return done

    def _user_data(self, host: HostConfig) -> Callable[[pulumi.Output[str]], pulumi.Output[str]]:
        config = self.config

        def text(known: list[str]) -> str:
            return hosts.cloud_init(
                hosts.HostSpec(
                    stack=config.stack,
                    role=host.role,
                    name=host.name,
                    region=config.region,
                    volume=known[0],
                    bucket=known[1],
                    registry=known[2],
                    gpu=host.gpu,
                    pool=not host.address,
                )
            )

        return lambda volume: pulumi.Output.all(volume, self.bucket.bucket.bucket, self.registry.host).apply(
            text
        )

    def _watch(self, address: ec2.Eip) -> None:
        told = topic(self, self.config)
        watched = {
            host.name: Alarms(
                self.named(f"{host.name}-alarms"),
                AlarmsArgs(self.config, host, self._instance(host), told),
                self.inside(f"{host.name}-alarms"),
            )
            for host in self.config.kinds
        }
        if self.config.domain:
            leads = DomainArgs(self.config, address.public_ip, watched["streaming"].health)
            Domain(self.named("domain"), leads, self.inside("domain"))

    def _instance(self, host: HostConfig) -> pulumi.Input[str]:
        """The instance of a fixed host; nothing for hosts of a pool."""
        return self.hosts[host.name].instance.id if host.name in self.hosts else ""

    def _release(self, role: names.Role, address: ec2.Eip) -> Release:
        secrets, release = f"{role}-secrets", f"{role}-release"
        made = ReleaseArgs(
            self.config,
            role,
            self.bucket.bucket.bucket,
            self.registry.references,
            address.public_ip,
            self.uploads,
            Secrets(self.named(secrets), SecretsArgs(self.config, role), self.inside(secrets)),
            self.zone,
        )
        return Release(self.named(release), made, self.inside(release))
