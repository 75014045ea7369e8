"""What a host's user data is made from."""

from __future__ import annotations

from dataclasses import dataclass

from app.release.names import Role

BY_LABEL = "by-label/voicestack"
"""The volume of a host that can't know its id: its file system has the label that all of ours have."""


@dataclass(frozen=True)
class HostSpec:
    """A host as its user data knows it: small and stable, no release and no secret among it.

    `volume` is the id of its own volume, or BY_LABEL; `bucket` where releases lie, `registry` the host name
    of the registry that it pulls from with its own role. One of a `pool` is one of many with the same user
    data.

    `infra.hosts.cloud_init(spec) -> str` renders it.
    """

    stack: str
    role: Role
    name: str
    region: str
    volume: str
    bucket: str
    registry: str
    gpu: bool = False
    pool: bool = False
