"""Which address this machine has on a network of the Docker engine."""

from __future__ import annotations

import ipaddress
import json
import socket
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import psutil


def own_address(network: str = "bridge") -> str:
    """This machine's IPv4 address there. Raises LookupError where it has none."""
    command = ["docker", "network", "inspect", network]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)[0]
    return address_on(told, {name: list(found) for name, found in psutil.net_if_addrs().items()})


def address_on(network: Mapping[str, Any], interfaces: Mapping[str, Iterable[Any]]) -> str:
    """The same, from what `docker network inspect` tells and from this machine's interfaces.

    The interface is asked first: after its very first start the engine tells no gateway of its own bridge.
    """
    name = network["Options"].get("com.docker.network.bridge.name", f"br-{network['Id'][:12]}")
    known = [each.address for each in interfaces.get(name, ()) if each.family == socket.AF_INET]
    subnets = [each for each in network["IPAM"]["Config"] if ":" not in each["Subnet"]]
    known += [each["Gateway"] for each in subnets if each.get("Gateway")]
    known += [str(next(ipaddress.ip_network(each["Subnet"]).hosts())) for each in subnets]
    if not known:
        raise LookupError(f"this machine has no IPv4 address on the engine's network {network['Name']}")
    return str(known[0])
