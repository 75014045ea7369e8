"""What the hosts, the program that makes them, and the tools that look at them call the same things.

Plain data: the AWS program makes these, hosts read them, `python -m app release` and the smoke tests find
hosts and releases by them.
"""

from __future__ import annotations

from typing import Literal

Role = Literal["streaming", "speech"]

# Tags of every resource. `HOST_TAG` is on instances and volumes alone: streaming, speech-1, speech-2, …
STACK_TAG = "stack"
SERVICE_TAG = "service"
OWNER_TAG = "owner"
COST_TAG = "cost-centre"
ROLE_TAG = "role"
HOST_TAG = "host"

# Where a host's own volume is mounted: everything that outlives the host is under it.
DATA = "/srv/voicestack"
# Hooks of a pool: a new speech host waits until it is healthy, one that is to end until it has nothing to do.
ARRIVING, LEAVING = "arriving", "leaving"
# What brings a host to the release that its parameter names. It ends with 0 when that release is healthy,
# and otherwise says on its last lines which service failed and what runs now.
CONVERGE = "/usr/local/bin/voicestack-converge"

# Measured on the host once a minute, with the dimensions `stack` and `host`.
METRICS = "Voicestack"
DISK_METRIC = "DiskUsed"  # percent of the fullest of the host's file systems
HEALTH_METRIC = "Unhealthy"  # how many services are not healthy
# Measured by the streaming host once a minute, with the dimension `stack`.
LOAD_METRIC = "SpeechLoad"  # percent of the sessions that a pool's hosts have room for


def metrics(stack: str, role: Role) -> str:
    """The namespace of what the hosts of a role measure: no other host can write into it."""
    return f"{METRICS}/{stack}/{role}"


def release_parameter(stack: str, role: Role) -> str:
    """The SSM parameter that names the release of the hosts of a role: the key of its bundle."""
    return f"/voicestack/{stack}/{role}/release"


def secrets_path(stack: str, role: Role) -> str:
    """Where the SSM SecureStrings of the hosts of a role lie: one below it a variable, named as that."""
    return f"/voicestack/{stack}/{role}/secrets"


def speech_group(stack: str) -> str:
    """The Auto Scaling group of a stack whose speech hosts are a pool."""
    return f"voicestack-{stack}-speech"


def bundle_key(role: Role, release: str) -> str:
    """The key in the stack's bucket under which the bundle of a release lies, for good."""
    return f"releases/{role}/{release}.json"


def log_group(stack: str) -> str:
    """The CloudWatch log group of a stack whose logs are kept there."""
    return f"/voicestack/{stack}"
