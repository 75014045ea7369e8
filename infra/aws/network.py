"""The stack's own network, and who may reach which port of which host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

from app import catalog
from app.catalog import stays_behind
from app.release.names import ROLE_TAG, Role
from infra.aws.cdn import servers
from infra.aws.config import DATABASE, AwsConfig
from infra.component import Component

SSH = 22
EVERYWHERE = "0.0.0.0/0"
WEB_PORTS = (80, 443)


@dataclass(frozen=True)
class Rule:
    """A port of the hosts of a role, open to a range of addresses or to the hosts of another role."""

    name: str
    role: Role
    port: int
    protocol: str
    purpose: str
    cidr: str = ""
    source: Role | None = None


def ingress(config: AwsConfig) -> list[Rule]:
    """What may come in: ports of the catalogue from the ranges of their audience, speech from streaming; the
    database from speech, where it works for the archive."""
    rules: dict[str, Rule] = {}
    streaming = config.services_of("streaming")
    for service in streaming:
        for port in service.ports:
            if not port.public or service.overlaps or stays_behind(port, service, streaming):
                continue
            number = int(getattr(config.settings, port.setting))
            for cidr in {each for audience in port.audience for each in config.ranges[audience]}:
                name = f"streaming-{service.name}-{port.name}-{cidr}"
                rules[name] = Rule(name, "streaming", number, port.protocol, port.purpose, cidr=cidr)
    for service in config.services_of("speech"):
        if "speech" not in config.roles:
            break
        for port in service.ports:
            if not port.public:
                continue
            name = f"speech-{service.name}-{port.name}"
            rules[name] = Rule(name, "speech", port.number, port.protocol, port.purpose, source="streaming")
    named = {service.name for service in streaming}
    if config.further_cells and "web" in named and "edge" not in named:
        port, name = catalog.get("web").port("http"), "streaming-web-cells"
        number = config.settings.web_port
        rules[name] = Rule(name, "streaming", number, port.protocol, port.purpose, source="streaming")
    if config.shares_database:
        name = "streaming-db-postgres"
        rules[name] = Rule(name, "streaming", DATABASE, "tcp", "PostgreSQL", source="speech")
    if config.cdn:
        # CloudFront asks for a certificate that everybody trusts, and its authority comes from anywhere.
        port, name = catalog.get("edge").port("http"), f"streaming-edge-http-{EVERYWHERE}"
        number = config.settings.edge_http_port
        rules[name] = Rule(name, "streaming", number, port.protocol, port.purpose, cidr=EVERYWHERE)
    for role in config.roles:
        for cidr in config.ssh:
            name = f"{role}-ssh-{cidr}"
            rules[name] = Rule(name, role, SSH, "tcp", "SSH", cidr=cidr)
    return [rules[name] for name in sorted(rules)]


def speech_ports(config: AwsConfig) -> tuple[int, ...]:
    """Where a speech host connects to."""
    asks = any("db" in service.needs for service in config.services_of("speech"))
    database = DATABASE if config.shares_database else config.settings.db_port
    return (*WEB_PORTS, database) if asks else WEB_PORTS


class Network(Component):
    """A VPC with one public subnet in each zone that has hosts, and a security group for each role.

    Speech hosts have public addresses too, but only to fetch images: nothing comes in except from the
    streaming hosts. A NAT gateway would cost more than a small host.

    The first subnet has all addresses of the VPC: each further one comes with a range of its own, so that a
    stack that is there can get more zones.
    """

    subnets: dict[str, ec2.Subnet]
    groups: dict[Role, ec2.SecurityGroup]

    def __init__(self, name: str, config: AwsConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Network", name, opts)
        self.vpc = ec2.Vpc(
            self.named("vpc"),
            cidr_block=str(config.network),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            opts=self.inside("vpc"),
        )
        self.subnet = self._subnet("subnet", config.zone, str(config.network))
        self.subnets = {config.zone: self.subnet}
        gateway = ec2.InternetGateway(self.named("gateway"), vpc_id=self.vpc.id, opts=self.inside("gateway"))
        table = ec2.RouteTable(self.named("routes"), vpc_id=self.vpc.id, opts=self.inside("routes"))
        out = ec2.Route(
            self.named("out"),
            route_table_id=table.id,
            destination_cidr_block=EVERYWHERE,
            gateway_id=gateway.id,
            opts=self.inside("out"),
        )
        # What a host needs before it boots: without a way out it would fetch nothing.
        self.ready: list[pulumi.Resource] = [out, self._routed(self.subnet, table, "subnet-routes")]
        for zone, addresses in list(config.networks.items())[1:]:
            added = ec2.VpcIpv4CidrBlockAssociation(
                self.named(f"range-{zone}"),
                vpc_id=self.vpc.id,
                cidr_block=str(addresses),
                opts=self.inside(f"range-{zone}"),
            )
            self.subnets[zone] = self._subnet(f"subnet-{zone}", zone, str(addresses), after=[added])
            self.ready.append(self._routed(self.subnets[zone], table, f"subnet-routes-{zone}"))
        self.groups = {role: self._group(config, role) for role in config.roles}
        for rule in ingress(config):
            self._rule(rule, self.groups[rule.role])
        self.cdn = self._cdn(config) if config.cdn else None
        self.register_outputs(
            {
                "vpc": self.vpc.id,
                "subnet": self.subnet.id,
                "groups": {role: group.id for role, group in self.groups.items()},
            }
        )

    def _subnet(
        self, name: str, zone: str, addresses: str, after: Sequence[pulumi.Resource] = ()
    ) -> ec2.Subnet:
        return ec2.Subnet(
            self.named(name),
            vpc_id=self.vpc.id,
            cidr_block=addresses,
            availability_zone=zone,
            map_public_ip_on_launch=True,
            opts=self.inside(name, depends_on=list(after) or None),
        )

    def _routed(self, subnet: ec2.Subnet, table: ec2.RouteTable, name: str) -> ec2.RouteTableAssociation:
        return ec2.RouteTableAssociation(
            self.named(name), subnet_id=subnet.id, route_table_id=table.id, opts=self.inside(name)
        )

    def groups_of(self, role: Role) -> list[ec2.SecurityGroup]:
        """The security groups of the hosts of a role."""
        return [self.groups[role], *([self.cdn] if self.cdn and role == "streaming" else [])]

    def _closed(self, config: AwsConfig, role: Role, name: str, purpose: str) -> ec2.SecurityGroup:
        # No rules in here: those that stand alone and those inside of a group undo each other.
        return ec2.SecurityGroup(
            self.named(name),
            name=f"{config.name}-{name}",
            description=f"Voicestack {config.stack}: {purpose}",
            vpc_id=self.vpc.id,
            tags={ROLE_TAG: role},
            opts=self.inside(name),
        )

    def _cdn(self, config: AwsConfig) -> ec2.SecurityGroup:
        """Lets CloudFront in; in a group of its own, whose 60 rules AWS's list counts as 55 of."""
        group = self._closed(config, "streaming", "cdn", "CloudFront before the edge")
        https = Rule(
            "streaming-cdn-https", "streaming", config.settings.edge_https_port, "tcp", "HLS for the CDN"
        )
        self._rule(https, group, servers(self))
        return group

    def _group(self, config: AwsConfig, role: Role) -> ec2.SecurityGroup:
        group = self._closed(config, role, role, f"{role} hosts")
        # Streams are pushed to anywhere; a speech host fetches images, packages, models, and asks a database.
        ports: tuple[int | None, ...] = (None,) if role == "streaming" else speech_ports(config)
        for port in ports:
            name = f"{role}-out-{port or 'all'}"
            vpc.SecurityGroupEgressRule(
                self.named(name),
                security_group_id=group.id,
                description="what the hosts fetch" if port else "what the hosts fetch and push",
                ip_protocol="tcp" if port else "-1",
                from_port=port,
                to_port=port,
                cidr_ipv4=EVERYWHERE,
                tags={ROLE_TAG: role},
                opts=self.inside(name, group),
            )
        return group

    def let_in(self, config: AwsConfig, addresses: Mapping[str, pulumi.Input[str]]) -> None:
        """Lets streaming hosts, by the addresses that the world sees, come in at each other's edge."""
        for host, address in addresses.items():
            name = f"streaming-edge-https-{host}"
            purpose = "streams of the others"
            rule = Rule(name, "streaming", config.settings.edge_https_port, "tcp", purpose)
            own = pulumi.Output.from_input(address).apply(lambda known: f"{known}/32")
            self._rule(rule, self.groups["streaming"], cidr=own)

    def _rule(
        self,
        rule: Rule,
        group: ec2.SecurityGroup,
        listed: pulumi.Output[str] | None = None,
        cidr: pulumi.Output[str] | None = None,
    ) -> None:
        """A rule of a group; without a range or another role it is for the addresses of a list of AWS, or for
        a range that is known once it is there."""
        vpc.SecurityGroupIngressRule(
            self.named(rule.name),
            security_group_id=group.id,
            description=rule.purpose.replace("'", ""),
            ip_protocol=rule.protocol,
            from_port=rule.port,
            to_port=rule.port,
            cidr_ipv4=cidr or rule.cidr or None,
            referenced_security_group_id=self.groups[rule.source].id if rule.source else None,
            prefix_list_id=listed,
            tags={ROLE_TAG: rule.role},
            opts=self.inside(rule.name, group),
        )
