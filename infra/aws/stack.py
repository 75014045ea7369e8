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
from infra.aws.access import Access
from infra.aws.alarms import Alarms, topic
from infra.aws.bucket import Bucket
from infra.aws.config import AwsConfig, HostConfig
from infra.aws.domain import Domain
from infra.aws.host import Host
from infra.aws.network import Network
from infra.aws.registry import Registry
from infra.aws.release import Release
from infra.aws.rollout import roll_out
from infra.aws.secrets import Secrets
from infra.aws.uploads import Uploads
from infra.aws.volume import Snapshots

LOGS_KEPT = 30  # days


class AwsStack(pulumi.ComponentResource):
    """Network, registry, hosts with their volumes, alarms, and the release that the hosts are brought to."""

    outputs: dict[str, Any]

    def __init__(self, name: str, config: AwsConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("voicestack:aws:AwsStack", name, {}, opts)
        self.config = config
        inside = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        self.bucket = Bucket(config, account, inside)
        self.registry = Registry(config, inside)
        network = Network(config, inside)
        address = ec2.Eip("address", domain="vpc", tags=config.tags("address", "streaming"), opts=inside)
        access = {
            role: Access(config, role, account, self.bucket.bucket.bucket, self.registry.arns, inside)
            for role in config.roles
        }
        archiving = [access[role].identity.arn for role in config.roles if config.archives(role)]
        self.uploads = Uploads(config, account, archiving, inside) if archiving else None
        key = self._key() if config.ssh_key else None
        logs = self._logs() if config.logs else []
        self.hosts = {
            host.name: Host(
                config, host, network, access[host.role], key, self._user_data(host), logs, inside
            )
            for host in config.hosts
        }
        reachable = ec2.EipAssociation(
            "address",
            allocation_id=address.allocation_id,
            instance_id=self.hosts["streaming"].instance.id,
            opts=inside,
        )
        Snapshots(config, account, inside)
        self._watch(address)
        releases = {role: self._release(role, address) for role in config.roles}
        self.outputs = {
            "address": config.domain or address.public_ip,
            "hosts": {name: host.instance.id for name, host in self.hosts.items()},
            "bucket": self.bucket.bucket.bucket,
            **({"uploads": self.uploads.bucket.bucket} if self.uploads else {}),
            "releases": {role: release.key for role, release in releases.items()},
            "health": self._roll_out(releases, reachable),
        }
        self.register_outputs({})

    def _key(self) -> ec2.KeyPair:
        # Another key gets another name, or the old one would have to go before the new one comes.
        fingerprint = hashlib.sha256(self.config.ssh_key.encode()).hexdigest()[:8]
        return ec2.KeyPair(
            "operators",
            key_name=f"{self.config.name}-operators-{fingerprint}",
            public_key=self.config.ssh_key,
            tags=self.config.tags("operators"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _logs(self) -> list[pulumi.Resource]:
        return [
            cloudwatch.LogGroup(
                "logs",
                name=names.log_group(self.config.stack),
                retention_in_days=LOGS_KEPT,
                tags=self.config.tags("logs"),
                opts=pulumi.ResourceOptions(parent=self),
            )
        ]

    def _roll_out(
        self, releases: dict[names.Role, Release], reachable: ec2.EipAssociation
    ) -> dict[str, pulumi.Output[str]]:
        """One host after the other, so that a bad release stops at the first: speech, then streaming."""
        done: dict[str, pulumi.Output[str]] = {}
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
                )
            )

        return lambda volume: pulumi.Output.all(volume, self.bucket.bucket.bucket, self.registry.host).apply(
            text
        )

    def _watch(self, address: ec2.Eip) -> None:
        inside = pulumi.ResourceOptions(parent=self)
        told = topic(self.config, inside)
        watched = {
            host.name: Alarms(self.config, host, self.hosts[host.name].instance.id, told, inside)
            for host in self.config.hosts
        }
        if self.config.domain:
            Domain(self.config, address.public_ip, watched["streaming"].health, inside)

    def _release(self, role: names.Role, address: ec2.Eip) -> Release:
        inside = pulumi.ResourceOptions(parent=self)
        return Release(
            self.config,
            role,
            self.bucket.bucket.bucket,
            self.registry.references,
            address.public_ip,
            self.uploads,
            Secrets(self.config, role, inside),
            inside,
        )
