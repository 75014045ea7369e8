"""Production: everything together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import cloudwatch, ec2

from app import catalog
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
        self.reached = {host.name: self._address(host) for host in config.cells}
        if config.further_cells and catalog.has_edge(config.services):
            network.let_in(config, {name: address.public_ip for name, (address, _) in self.reached.items()})
        Snapshots(self.named("snapshots"), owned, self.inside("snapshots"))
        self._watch()
        if config.cdn:
            Cdn(self.named("cdn"), config, self.inside("cdn"))
        releases = {role: self._release(role) for role in config.roles}
        pools: dict[str, pulumi.Output[str]] = {}
        if config.pool:
            # A host of the group boots whenever the group wants one: its release is there before.
            disk = hosts.BY_LABEL if config.pool.host.snapshot else ""
            text = self._user_data(config.pool.host)(pulumi.Output.from_input(disk))
            before = releases["speech"].before
            made = PoolArgs(config, config.pool, network, access["speech"], key, text, [*logs, *before])
            group = Pool(self.named("pool"), made, self.inside("pool")).group
            pools[SPEECH] = roll_out_pool(config, config.pool, group)
        self.outputs = {
            "address": self._seen_at(config.cells[0]),
            "hosts": {name: host.instance.id for name, host in self.hosts.items()},
            **(
                {"cells": {each.name: self._seen_at(each) for each in config.cells}}
                if config.further_cells
                else {}
            ),
            "bucket": self.bucket.bucket.bucket,
            **({"uploads": self.uploads.bucket.bucket} if self.uploads else {}),
            **({"cdn": config.settings.cdn_url} if config.cdn else {}),
            "releases": {role: release.key for role, release in releases.items()},
            "health": self._roll_out(releases, pools),
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

    def _address(self, host: HostConfig) -> tuple[ec2.Eip, ec2.EipAssociation]:
        """The address that people see of a streaming host, whatever instance that is."""
        name = self.config.part_of(host, "address")
        address = ec2.Eip(
            self.named(name), domain="vpc", tags={names.ROLE_TAG: host.role}, opts=self.inside(name)
        )
        association = ec2.EipAssociation(
            self.named(name),
            allocation_id=address.allocation_id,
            instance_id=self.hosts[host.name].instance.id,
            opts=self.inside(name),
        )
        return address, association

    def _seen_at(self, host: HostConfig) -> pulumi.Input[str]:
        """What people reach a streaming host by."""
        return self.config.cell_domain(host, self.config.domain) or self.reached[host.name][0].public_ip

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
        pools: dict[str, pulumi.Output[str]],
    ) -> dict[str, pulumi.Output[str]]:
        """One host after the other, so that a bad release stops at the first: speech, then streaming."""
        done = dict(pools)
        reachable = [association for _, association in self.reached.values()]
        for host in sorted(self.config.hosts, key=lambda each: each.role):
            made = self.hosts[host.name]
            before = [each.id for each in (*releases[host.role].before, made.attachment, *reachable)]
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

    def _watch(self) -> None:
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
            for host in self.config.cells:
                address, health = self.reached[host.name][0].public_ip, watched[host.name].health
                name = self.config.part_of(host, "domain")
                leads = DomainArgs(self.config, host, address, health)
                Domain(self.named(name), leads, self.inside(name))

    def _instance(self, host: HostConfig) -> pulumi.Input[str]:
        """The instance of a fixed host; nothing for hosts of a pool."""
        return self.hosts[host.name].instance.id if host.name in self.hosts else ""

    def _release(self, role: names.Role) -> Release:
        secrets, release = f"{role}-secrets", f"{role}-release"
        made = ReleaseArgs(
            self.config,
            role,
            self.bucket.bucket.bucket,
            self.registry.references,
            [address.public_ip for address, _ in self.reached.values()],
            self.uploads,
            Secrets(self.named(secrets), SecretsArgs(self.config, role), self.inside(secrets)),
            self.zone,
        )
        return Release(self.named(release), made, self.inside(release))
