"""What a host's user data is made from."""

from __future__ import annotations

from dataclasses import dataclass

from app.release.names import Role


@dataclass(frozen=True)
class HostSpec:
    """A host as its user data knows it: small and stable, no release and no secret among it.

    `volume` is the id of its own volume, `bucket` where releases lie, `registry` the host name of the
    registry that it pulls from with its own role. One of a `pool` is one of many with the same user data,
    and has no volume.

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
