"""What a host of production is given at its first boot, and the program that brings it to a release."""

from infra.hosts.first_boot import cloud_init
from infra.hosts.program import program
from infra.hosts.spec import BY_LABEL, HostSpec

__all__ = ["BY_LABEL", "HostSpec", "cloud_init", "program"]
