"""What a stack on AWS is made of, once its configuration is known to be right; infra/aws/read.py reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from app import catalog
from app.catalog import Audience, Service
from app.release import names
from app.render import images
from app.settings import Settings
from app.settings.fields import POOL

STREAMING: Final = "streaming"
SPEECH: Final = "speech"
DATABASE = catalog.get("db").port("postgres").number
FIRST_STREAMING = 10  # the last number of the private address of the first streaming host
FIRST_SPEECH = 20  # of the first speech host
MOST_STREAMING_HOSTS = 6  # whose numbers no host of a pool is given (infra/aws/pool.py)
MOST_SPEECH_HOSTS = 50
# What each streaming host runs; everything else runs on the first alone.
CELL = frozenset({"media", "dubber", "web", "edge"})
# What Ubuntu's images, those for GPUs too, call the disk that they boot from: a launch template names it.
ROOT_DEVICE = "/dev/sda1"
DATA_DEVICE = "/dev/sdf"


@dataclass(frozen=True)
class HostConfig:
    """One host: its private address and its zone stay when it is replaced. Sizes in GB.

    A host that is to `renew` is replaced when its machine image or user data have changed; its volume begins
    with `snapshot`, blank without one.
    """

    name: str
    role: names.Role
    address: str
    zone: str
    instance_type: str
    ami: str
    volume: int
    root: int
    gpu: bool = False
    spot: bool = False
    renew: bool = False
    snapshot: str = ""


@dataclass(frozen=True)
class PoolConfig:
    """Speech hosts that come and go, from `least` to `most` of them, each as `host` says: it has no address
    and no name of its own. What others have on their volume is on its root disk, or, with a snapshot, on a
    disk that begins with that and goes with the host."""

    host: HostConfig
    least: int
    most: int


@dataclass(frozen=True)
class AwsConfig:
    """A stack on AWS. An empty `registry` means that images are built here; `ssh_key` that nobody logs in.

    `profile` is the AWS profile whose credentials are used, empty for the environment's; `hub` a registry in
    place of Docker Hub.
    `ranges` are the addresses that each audience comes from, `ssh` those that people log in from. With `cdn`
    CloudFront stands before the edge. `hosts` are those that are fixed; with a `pool`, speech hosts are none
    of them. Several streaming hosts are cells: each has streams of its own.
    """

    stack: str
    region: str
    zone: str
    owner: str
    cost_centre: str
    network: IPv4Network
    hosts: tuple[HostConfig, ...]
    services: tuple[Service, ...]
    settings: Settings
    gpu: bool
    registry: str
    tag: str
    builder: str
    ranges: Mapping[Audience, tuple[str, ...]]
    ssh: tuple[str, ...]
    ssh_key: str
    alarm_email: str
    domain: str
    hosted_zone: str
    logs: bool
    snapshots: int
    profile: str = ""
    hub: str = ""
    cdn: bool = False
    pool: PoolConfig | None = None

    @property
    def cdn_name(self) -> str:
        """The name that HLS is watched by where there is a CDN."""
        return cdn_name(self.domain)

    @property
    def kinds(self) -> tuple[HostConfig, ...]:
        """Every fixed host, and one that stands for those of the pool."""
        return (*self.hosts, self.pool.host) if self.pool else self.hosts

    @property
    def roles(self) -> tuple[names.Role, ...]:
        """The roles that some host has."""
        return tuple(dict.fromkeys(host.role for host in self.kinds))

    @property
    def cells(self) -> tuple[HostConfig, ...]:
        """The streaming hosts, the first one first."""
        return self.of(STREAMING)

    @property
    def further_cells(self) -> tuple[HostConfig, ...]:
        """The streaming hosts beside the first."""
        return self.cells[1:]

    @property
    def networks(self) -> dict[str, IPv4Network]:
        """The addresses of each zone that fixed hosts are in: the stack's network in its own zone, and one of
        the same size after the other in further ones."""
        zones = dict.fromkeys((self.zone, *(host.zone for host in self.hosts)))
        return {zone: network_after(self.network, number) for number, zone in enumerate(zones)}

    @property
    def pool_zone(self) -> str:
        """The private zone that the pool's name is in."""
        return f"{self.stack}.internal"

    @property
    def pool_name(self) -> str:
        """The name that has the addresses of all hosts of the pool."""
        return f"{SPEECH}.{self.pool_zone}"

    @property
    def name(self) -> str:
        """What the names of this stack's resources begin with."""
        return f"voicestack-{self.stack}"

    def of(self, role: names.Role) -> tuple[HostConfig, ...]:
        """The fixed hosts of a role."""
        return tuple(host for host in self.hosts if host.role == role)

    def services_of(self, role: names.Role) -> tuple[Service, ...]:
        """What the hosts of a role run: with speech hosts, what uses a GPU runs there."""
        if len(self.roles) == 1:
            return self.services
        return tuple(service for service in self.services if service.gpu == (role == "speech"))

    def services_on(self, host: HostConfig) -> tuple[Service, ...]:
        """What a fixed host runs."""
        every = self.services_of(host.role)
        if host not in self.further_cells:
            return every
        return tuple(service for service in every if service.name in CELL)

    def cell_domain(self, host: HostConfig, domain: str) -> str:
        """The name of a streaming host under the stack's domain: the first one's is the domain."""
        return f"{host.name}.{domain}" if domain and host in self.further_cells else domain

    def part_of(self, host: HostConfig, part: str) -> str:
        """What a part that each streaming host has is called: the first one's by itself alone."""
        return f"{host.name}-{part}" if host in self.further_cells else part

    def cell_api(self, host: HostConfig) -> str:
        """Where other streaming hosts ask the dubber of one: through its console, for the dubber itself has
        no port on the host."""
        if catalog.has_edge(self.services):
            number = self.settings.edge_https_port
            port = "" if number == 443 else f":{number}"
            return f"https://{self.cell_domain(host, self.settings.domain)}{port}/api/dubber"
        return f"http://{host.address}:{self.settings.web_port}/api/dubber"

    def archives(self, role: names.Role) -> bool:
        """Whether the hosts of a role run services of the archive, which reach its uploads."""
        return any("archive" in service.volumes for service in self.services_of(role))

    @property
    def shares_database(self) -> bool:
        """Whether speech hosts use the database of the streaming host."""
        return "db" in {each.name for each in self.services} and any(
            "db" in service.needs for service in self.services_of("speech") if len(self.roles) > 1
        )

    def gpu_of(self, role: names.Role) -> bool:
        """Whether the hosts of a role run the images for GPUs."""
        return any(host.gpu for host in self.kinds if host.role == role)

    def images_of(self, role: names.Role) -> tuple[str, ...]:
        """The images that the hosts of a role run, each once: names of ours, references of others'."""
        gpu = self.gpu_of(role)
        return tuple(
            dict.fromkeys(images.for_service(service.image, gpu=gpu) for service in self.services_of(role))
        )

    def settings_of(
        self, role: names.Role, public_address: str, uploads: str = "", cell: HostConfig | None = None
    ) -> Settings:
        """The settings on the hosts of a role: where the others are, under the address that people see, and
        the bucket of the uploads; on a streaming host beside the first those of this `cell`."""
        update: dict[str, object] = {"bind_address": "0.0.0.0"}
        if uploads:
            update["uploads_bucket"] = uploads
        if role == STREAMING:
            update["media_public_host"] = public_address
            own = cell or self.cells[0]
            if self.domain:
                update["allowed_hosts"] = (
                    *self.settings.allowed_hosts,
                    self.cell_domain(own, self.domain),
                )
            if self.further_cells and "web" in {service.name for service in self.services}:
                update["cells"] = tuple(self.cell_api(each) for each in self.cells if each != own)
            if self.settings.domain:
                update["domain"] = self.cell_domain(own, self.settings.domain)
            update |= speech_addresses(self)
        else:
            # Nobody but the streaming host reaches them: their numbers are the catalogue's.
            update |= {
                port.setting: port.number for service in self.services_of(role) for port in service.ports
            }
            if self.pool:
                # All but the dubber ask the pool by its name.
                update["allowed_hosts"] = (*self.settings.allowed_hosts, self.pool_name)
            if self.shares_database:
                update |= {"db_host": self.cells[0].address, "db_port": DATABASE}
        return self.settings.model_copy(update=update)

    def tags(self, name: str, role: names.Role | None = None, host: str = "") -> dict[str, str]:
        """The tags of a resource: everything has those of its stack, hosts and volumes their own too."""
        given = {
            "Name": f"{self.name}-{name}",
            names.STACK_TAG: self.stack,
            names.SERVICE_TAG: "voicestack",
            names.OWNER_TAG: self.owner,
            names.COST_TAG: self.cost_centre,
            names.ROLE_TAG: role or "",
            names.HOST_TAG: host,
        }
        return {key: value for key, value in given.items() if value}


def cdn_name(domain: str) -> str:
    """The name by which viewers reach the CDN of a stack."""
    return f"watch.{domain}"


def network_after(network: IPv4Network, number: int) -> IPv4Network:
    """The network of the same size that comes so many after this one."""
    return IPv4Network((int(network.network_address) + number * network.num_addresses, network.prefixlen))


def speech_addresses(config: AwsConfig) -> dict[str, object]:
    """Settings that tell where the services of the speech hosts are, lists with every host, others the first;
    of a pool its name.

    An address that somebody has set stays as it is.
    """
    hosts = [config.pool_name] if config.pool else [host.address for host in config.of(SPEECH)]
    if not hosts:
        return {}
    found: dict[str, object] = {}
    for service in config.services_of("speech"):
        for variable, pattern in service.found_by:
            name = variable.lower()
            every = tuple(pattern.format(host=host) for host in hosts)
            if name in config.settings.model_fields_set and getattr(config.settings, name):
                continue
            many = isinstance(Settings.model_fields[name].default, tuple)
            if name == "sts_urls" and (config.pool or len(every) > 1):
                # Hosts of one kind: they share the dubs, and none is only in reserve.
                every = tuple(f"{POOL}{each}" for each in every)
            found[name] = every if many else int(every[0]) if every[0].isdigit() else every[0]
    return found
