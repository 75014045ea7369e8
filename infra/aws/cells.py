"""Several streaming hosts, as a stack's file asks for them: each has streams of its own, in some zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network

from app.render.edge import is_own_authority
from app.settings import Settings
from infra.aws.config import (
    FIRST_STREAMING,
    MOST_STREAMING_HOSTS,
    STREAMING,
    HostConfig,
    network_after,
)
from infra.given import PROJECT, Given

ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-\d[a-z]")
# AWS's rules for a further range of a VPC: of the same kind of private addresses, and none of these.
PRIVATE = tuple(IPv4Network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
NEVER_ADDED = IPv4Network("10.0.0.0/16")


def read_cells(given: Given, first: HostConfig, network: IPv4Network) -> list[HostConfig]:
    """The streaming hosts: the first, and those in the zones that are named for more, one after the other."""
    count = given.number("streamingHosts", 1, MOST_STREAMING_HOSTS)
    zones = given.names("streamingZones")
    region = first.zone[:-1]
    for zone in zones:
        if not ZONE.fullmatch(zone) or zone[:-1] != region:
            given.say("streamingZones", f"{zone!r} is no zone of {region} (for example {region}b)")
    if count == 1 and zones:
        given.say(
            "streamingZones", "there is one streaming host, in zone: take it out, or set streamingHosts"
        )
    if count > 1 and not zones:
        given.say("streamingZones", f"missing: zones for {count - 1} more, for example [{region}b]")
        zones = (first.zone,)
    found = [first]
    every = list(dict.fromkeys((first.zone, *(zones[number % len(zones)] for number in range(count - 1)))))
    for number in range(1, count):
        zone = zones[(number - 1) % len(zones)]
        there = network_after(network, every.index(zone))
        name = f"{STREAMING}-{number + 1}"
        found.append(replace(first, name=name, address=str(there[FIRST_STREAMING + number]), zone=zone))
    for number in range(1, len(every)):
        there = network_after(network, number)
        kind = next((each for each in PRIVATE if network.subnet_of(each)), network)
        if not there.subnet_of(kind) or there.overlaps(NEVER_ADDED):
            given.say("network", f"{there}, the next one, can't be added in {every[number]}: take another")
    return found


def without_cells(
    hosts: Sequence[HostConfig], *, cdn: bool, speech: bool, edged: bool, domains: tuple[str, Settings | None]
) -> list[str]:
    """What keeps several streaming hosts from being as they are asked for; nothing where there is one."""
    domain, settings = domains
    if sum(host.role == STREAMING for host in hosts) < 2:
        return []
    edge = settings.domain if settings is not None else ""
    problems = (
        (
            edged and settings is not None and is_own_authority(settings),
            f"settings.DOMAIN: no other streaming host trusts the certificate of {edge}: take a public name",
        ),
        (cdn, "cdn: CloudFront asks one streaming host: take the CDN out, or set streamingHosts to 1"),
        (
            not speech,
            "streamingHosts: several share speech hosts, and there are none: set speechHosts or speechPool",
        ),
        (
            settings is not None and not settings.api_keys,
            "settings.API_KEYS: missing: streaming hosts ask each other by the first of them (--secret)",
        ),
        (
            bool(domain and edge and domain != edge),
            f"domain: with several streaming hosts it is the edge's: {domain} is not settings.DOMAIN {edge}",
        ),
    )
    return [f"{PROJECT}:{problem}" for is_so, problem in problems if is_so]
