"""This machine's address on a network of the engine, which old and new engines tell differently."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

import pytest

from tests.networks import address_on

SUBNET = {"Subnet": "172.17.0.0/16"}
SUBNET_6 = {"Subnet": "fd00::/64", "Gateway": "fd00::1"}


@dataclass(frozen=True)
class Address:
    family: int
    address: str


def network(*config: dict[str, str], **options: str) -> dict[str, Any]:
    return {"Name": "bridge", "Id": "0123456789abcdef", "IPAM": {"Config": list(config)}, "Options": options}


def test_the_interface_is_believed_before_what_the_engine_tells() -> None:
    there = [Address(socket.AF_INET6, "fe80::1"), Address(socket.AF_INET, "10.1.0.7")]
    named = {"com.docker.network.bridge.name": "docker0"}
    told = {**SUBNET, "Gateway": "172.17.0.1"}
    assert address_on(network(told, **named), {"docker0": there}) == "10.1.0.7"
    assert address_on(network(told), {"br-0123456789ab": there, "eth0": []}) == "10.1.0.7"


@pytest.mark.parametrize(
    ("config", "address"),
    [
        ([SUBNET_6, {**SUBNET, "Gateway": "172.17.0.9"}], "172.17.0.9"),
        # What an engine tells after its very first start.
        ([SUBNET], "172.17.0.1"),
        ([SUBNET_6, {**SUBNET, "Gateway": ""}], "172.17.0.1"),
    ],
)
def test_without_it_the_gateway_or_the_first_address_counts(
    config: list[dict[str, str]], address: str
) -> None:
    assert address_on(network(*config), {}) == address


def test_no_address_at_all_is_told() -> None:
    with pytest.raises(LookupError, match="no IPv4 address"):
        address_on(network(SUBNET_6), {})
