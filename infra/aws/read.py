"""Reads a stack's configuration for AWS, and names everything that is wrong with it at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pulumi

from app import catalog
from app.catalog import Audience, Service
from app.render import containers
from app.render.edge import is_private
from app.settings import Settings
from infra import config as common
from infra.aws.cells import read_cells, without_cells
from infra.aws.config import (
    DATABASE,
    FIRST_SPEECH,
    FIRST_STREAMING,
    MOST_SPEECH_HOSTS,
    SPEECH,
    STREAMING,
    AwsConfig,
    HostConfig,
    PoolConfig,
    cdn_name,
)
from infra.aws.secrets import readable_state, secrets
from infra.config import ROOT, ConfigError
from infra.given import PROJECT, Given

AMI_COMMAND = "`python -m infra.aws.images` names the newest"
STACK = re.compile(r"[a-z][a-z0-9-]{0,11}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
TYPE = re.compile(r"[a-z]+\d+[a-z0-9-]*\.(metal|nano|micro|small|medium|(\d+)?x?large|metal-\d+xl)")
ARM = re.compile(r"[a-z]+\d+g[a-z]*\.")
GPU = re.compile(r"(g|p)\d")
AMI = re.compile(r"ami-[0-9a-f]{8}([0-9a-f]{9})?")
SNAPSHOT = re.compile(r"snap-[0-9a-f]{8}([0-9a-f]{9})?")
ADDRESS = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?")
ZONE_ID = re.compile(r"Z[A-Z0-9]{5,31}")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+( .*)?")
TAG = re.compile(r"[\w .:/=+@-]{1,256}")
WIDEST_SSH = 8  # a range with fewer fixed bits is as good as everywhere
STREAMING_ROOT, SPEECH_ROOT = 30, 120  # GB: system and images; those for GPUs take 30 and the driver 50


def load() -> AwsConfig:
    """The configuration of the stack that Pulumi runs. Raises ConfigError, naming everything wrong."""
    stack, provider = pulumi.get_stack(), common.given("aws")
    config = read(stack, common.given(), provider.get("region", ""), ROOT / ".env")
    file = ROOT / "envs" / f"Pulumi.{stack}.yaml"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if readable_state(text, os.environ) and any(secrets(config, role) for role in config.roles):
        pulumi.log.warn(
            "the secrets of this stack are encrypted with an empty passphrase: set PULUMI_CONFIG_PASSPHRASE, "
            f"or name a key of yours: pulumi stack change-secrets-provider --stack {stack} awskms://…"
        )
    return replace(config, profile=provider.get("profile", ""))


def read(stack: str, values: Mapping[str, str], region: str, env_file: Path | None) -> AwsConfig:
    """The configuration from what the stack's file says, with .env and the environment below its settings.

    Raises ConfigError, naming everything wrong.
    """
    given = Given(values)
    given.choice("kind", common.KINDS)
    if not STACK.fullmatch(stack):
        given.wrong.append(f"stack {stack!r}: names of resources begin with it: a-z, 0-9 and -, at most 12")
    if not REGION.fullmatch(region):
        given.wrong.append(f"aws:region: {region!r} is not a region (for example eu-central-1)")
    zone = given.text("zone", like=re.compile(f"{region}[a-z]"), fix=f"for example {region}a")
    gpu = given.choice("variant", ("cuda", "cpu")) == "cuda"
    speech = given.number("speechHosts", 0, MOST_SPEECH_HOSTS)
    bounds = given.numbers("speechPool", ("min", "max"), 1, MOST_SPEECH_HOSTS)
    services = selected(given)
    check_pool(given, bounds, speech, services)
    settings = common.read_settings(given, env_file)
    if given.flag("livekit") and settings is not None:
        services, settings = common.with_rooms(services, settings)
    services, settings = with_database(given, services, settings)
    network = private_network(given)
    some = speech > 0 or bool(bounds)
    hosts, kind = read_hosts(given, network, zone, speech, some=some, gpu=gpu and some, pool=bool(bounds))
    whole = kind if kind.snapshot else replace(kind, root=kind.root + kind.volume, volume=0)
    pool = PoolConfig(whole, bounds["min"], bounds["max"]) if bounds else None
    ranges: dict[Audience, tuple[str, ...]] = {
        "publishers": given.cidrs("ingestCidrs"),
        "viewers": given.cidrs("playbackCidrs"),
        "operators": given.cidrs("consoleCidrs"),
    }
    ssh = given.cidrs("sshCidrs")
    made = {
        "owner": given.text("owner", like=TAG, fix="for example media-team"),
        "cost_centre": given.text("costCentre", like=TAG, fix="for example 4711"),
        "ssh_key": given.text(
            "sshKey", optional=True, like=KEY, fix="the text of a file such as ~/.ssh/id_ed25519.pub"
        ),
        "alarm_email": given.text(
            "alarmEmail", optional=True, like=re.compile(r"[^@\s]+@[^@\s]+"), fix="an e-mail address"
        ),
        "domain": given.text("domain", optional=True, like=DOMAIN, fix="a name such as live.example.org"),
        "hosted_zone": given.text(
            "hostedZone", optional=True, like=ZONE_ID, fix="an id such as Z0123456789ABC"
        ),
        "tag": given.text("tag", like=re.compile(r"[\w][\w.-]{0,127}"), fix="a tag such as 1.2.0"),
    }
    logs, cdn = given.flag("logs"), given.flag("cdn")
    registry, builder, hub = (given.value(key) for key in ("registry", "builder", "hub"))
    snapshots = given.number("snapshots", 1, 365)
    if bool(made["domain"]) != bool(made["hosted_zone"]):
        given.say("domain", "domain and hostedZone go together: set both or none")
    if registry and made["tag"] == "latest":
        given.say("tag", "latest means another image each day: name a release such as 1.2.0")
    given.wrong += without_cells(
        hosts, cdn=cdn, speech=some, edged=catalog.has_edge(services), domains=(made["domain"], settings)
    )
    given.wrong += open_doors(ranges, ssh, made["ssh_key"], settings)
    if cdn and settings is not None:
        given.wrong += without_cdn(services, settings, made["domain"])
        settings = settings.model_copy(update={"cdn_url": f"https://{cdn_name(made['domain'])}"})
    if settings is not None and catalog.has_edge(services) and not settings.domain:
        given.say("settings.DOMAIN", "the edge needs the name that the world reaches it by")
    if settings is not None:
        # As on the hosts, whatever this machine's own address is.
        there = settings.model_copy(update={"bind_address": "0.0.0.0"})
        given.wrong += containers.problems(services, there, made_there=True)
    given.say_what_nobody_asked_for()
    if given.wrong or settings is None:
        raise ConfigError("\n".join([f"stack {stack} can't be made:", *given.wrong]))
    return AwsConfig(
        stack=stack, region=region, zone=zone, network=network, hosts=hosts, services=services,
        settings=settings, gpu=gpu, registry=registry,
        builder=builder, ranges=ranges, ssh=ssh, logs=logs,
        snapshots=snapshots, hub=hub, cdn=cdn, pool=pool, **made,
    )  # fmt: skip


def without_cdn(services: tuple[Service, ...], settings: Settings, domain: str) -> list[str]:
    """What keeps a CDN from standing before the edge."""
    needed = (
        (domain, "domain: missing: the CDN is watch.<domain>, and proves in hostedZone that it may be"),
        (
            catalog.has_edge(services),
            "services: the CDN stands before the edge: name edge among them, and DOMAIN in settings",
        ),
        (
            not settings.domain or not is_private(settings.domain),
            "settings.DOMAIN: CloudFront reaches the edge by a public name alone",
        ),
        (
            settings.cdn_secret.get_secret_value(),
            "settings.CDN_SECRET: missing: what the CDN shows the edge, set with --secret (for example one "
            "from `openssl rand -hex 32`)",
        ),
    )
    return [f"{PROJECT}:{problem}" for met, problem in needed if not met]


def selected(given: Given) -> tuple[Service, ...]:
    """The services that run somewhere in the stack."""
    try:
        services = catalog.select(given.words("services"))
        if any(service.name == "replica" for service in services):
            given.say("services", "replica: a read replica is a machine of its own, outside the stack")
        return services
    except catalog.UnknownService as error:
        given.say("services", str(error))
        return ()


def check_pool(given: Given, bounds: Mapping[str, int], fixed: int, services: tuple[Service, ...]) -> None:
    """Says where a pool of speech hosts can't be as it is asked for."""
    if not bounds:
        return
    if bounds["min"] > bounds["max"]:
        given.say("speechPool", f"min {bounds['min']} is more than max {bounds['max']}")
    if fixed:
        given.say("speechPool", f'there are {fixed} fixed speech hosts, too: set speechHosts to "0"')
    if services and not any(service.name == "sts" for service in services):
        given.say("speechPool", "its hosts are there for sts, which services does not name")


def with_database(
    given: Given, services: tuple[Service, ...], settings: Settings | None
) -> tuple[tuple[Service, ...], Settings | None]:
    """Services and settings with a database of one's own in place of the stack's, where one is named."""
    fix = "HOST or HOST:PORT, for example archive.abcd.eu-central-1.rds.amazonaws.com"
    address = given.text("database", optional=True, like=ADDRESS, fix=fix)
    if settings is None or not ADDRESS.fullmatch(address):
        return services, settings
    if not any("db" in service.needs for service in services):
        given.say("database", "no service uses it: name api and transcriber in services, or leave it away")
    if not settings.db_password.get_secret_value():
        given.wrong.append("DB_PASSWORD: missing: the password of DB_USER in the database that is named")
    host, _, port = address.partition(":")
    update = {"db_host": host, "db_port": int(port or DATABASE)}
    return tuple(each for each in services if each.name != "db"), settings.model_copy(update=update)


def private_network(given: Given) -> IPv4Network:
    """The addresses of the stack's own network."""
    default = IPv4Network(given.defaults["network"])
    try:
        network = IPv4Network(given.value("network"))
    except ValueError as error:
        given.say("network", f"{error} (for example {default})")
        return default
    if not network.is_private or not 16 <= network.prefixlen <= 24:
        given.say("network", f"{network} is not a private network from /16 to /24 (for example {default})")
        return default
    return network


def read_hosts(
    given: Given, network: IPv4Network, zone: str, speech: int, *, some: bool, gpu: bool, pool: bool
) -> tuple[tuple[HostConfig, ...], HostConfig]:
    """The streaming hosts and the fixed speech hosts, and what those, or hosts of a `pool`, are like where
    there are `some`."""
    renew, snapshots = given.names("renewHosts"), given.pairs("volumesFrom")
    first = HostConfig(
        name=STREAMING,
        role="streaming",
        address=str(network[FIRST_STREAMING]),
        zone=zone,
        instance_type=instance_type(given, "streamingType", given.defaults["streamingType"], gpu=False),
        ami=given.text("streamingAmi", like=AMI, fix=AMI_COMMAND),
        volume=given.number("streamingVolume", 1, 16384),
        root=STREAMING_ROOT,
    )
    streaming = read_cells(given, first, network)
    kind = instance_type(given, "speechType", "g6.xlarge" if gpu else "c7i.xlarge", gpu=gpu)
    ami = given.text("speechAmi", like=AMI, fix=AMI_COMMAND, optional=not some)
    volume = given.number("speechVolume", 1, 16384)
    alike = HostConfig(
        name=SPEECH,
        role="speech",
        address="",
        zone=zone,
        instance_type=kind,
        ami=ami,
        volume=volume,
        root=SPEECH_ROOT if gpu else STREAMING_ROOT,
        gpu=gpu,
        spot=given.choice("speechMarket", ("on-demand", "spot")) == "spot",
        snapshot=snapshots.get(SPEECH, "") if pool else "",
    )
    fixed = [
        replace(alike, name=f"{SPEECH}-{number + 1}", address=str(network[FIRST_SPEECH + number]))
        for number in range(speech)
    ]
    hosts = [
        replace(host, renew=host.name in renew, snapshot=snapshots.get(host.name, ""))
        for host in (*streaming, *fixed)
    ]
    known = [host.name for host in hosts]
    for key, named, there in (
        ("renewHosts", set(renew), known),
        ("volumesFrom", set(snapshots), [*known, SPEECH] if pool else known),
    ):
        for name in sorted(named - set(there)):
            given.say(key, f"{name!r} is none of {', '.join(there)}")
    for value in snapshots.values():
        if not SNAPSHOT.fullmatch(value):
            given.say("volumesFrom", f"{value!r} is no snapshot such as snap-0123456789abcdef0")
    return tuple(hosts), alike


def instance_type(given: Given, key: str, default: str, *, gpu: bool) -> str:
    """An instance type of the processor that the host's images are for."""
    value = given.text(key, default, like=TYPE, fix=f"an instance type such as {default}")
    if not TYPE.fullmatch(value):
        return value
    if key == "streamingType" and not ARM.match(value):
        given.say(key, f"{value} is not arm64: take one such as {default}")
    if key == "speechType" and ARM.match(value):
        given.say(key, f"{value} is arm64, speech hosts are amd64: take one such as {default}")
    elif gpu and not GPU.match(value):
        given.say(key, f"{value} has no NVIDIA GPU: take one such as {default}, or variant cpu")
    return value


def open_doors(
    ranges: Mapping[Audience, tuple[str, ...]], ssh: tuple[str, ...], ssh_key: str, settings: Settings | None
) -> list[str]:
    """What would let in more people than anybody means to."""
    found = [
        f"{PROJECT}:sshCidrs: {each} is everywhere: name the addresses of those who log in"
        for each in ssh
        if width(each) < WIDEST_SSH
    ]
    if ssh and not ssh_key:
        found.append(f"{PROJECT}:sshKey: missing: sshCidrs lets people log in, but nobody has a key")
    found += [
        f"{PROJECT}:consoleCidrs: {each} is everywhere, and the console has no password of its own: name the "
        "addresses of your operators"
        for each in ranges["operators"]
        if width(each) < WIDEST_SSH
    ]
    anybody = any(width(each) == 0 for each in (*ranges["publishers"], *ranges["viewers"]))
    if anybody and settings is not None and not settings.media_publish_user:
        found.append(
            "MEDIA_PUBLISH_USER, MEDIA_PUBLISH_PASSWORD: missing: ingestCidrs or playbackCidrs are open to "
            "everyone, who could publish"
        )
    return found


def width(cidr: str) -> int:
    """How many bits of a range are fixed; of something that is none, as of one address."""
    try:
        return IPv4Network(cidr).prefixlen
    except ValueError:
        return 32
