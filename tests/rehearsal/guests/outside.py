"""What guests find beyond their own network: an address of this machine for all that stands in for AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

from tests.docker.checkout import docker
from tests.rehearsal.emulator.agents import LABEL

PREFIX = "voicestack-rehearsal-"
NAME = f"{PREFIX}outside"
# Not the engine's own bridge: the engine inside a guest has one at the same address.
ADDRESSES = IPv4Network("10.45.0.0/29")


@contextmanager
def outside() -> Iterator[str]:
    """That address, for the time of a `with` block."""
    address = str(ADDRESSES[1])
    clear()
    docker("network", "create", "--subnet", str(ADDRESSES), "--gateway", address, NAME)
    try:
        yield address
    finally:
        docker("network", "rm", NAME)


def clear() -> None:
    """Removes machines and networks that a rehearsal which was killed has left: they would be in the way."""
    if left := docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}").split():
        docker("rm", "--force", "--volumes", *left)
    if left := docker("network", "ls", "--quiet", "--filter", f"name={PREFIX}").split():
        docker("network", "rm", *left)
