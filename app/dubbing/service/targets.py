"""Where a dub may be sent on to: what a target is, and the targets in a stream's file."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from app.dubbing import srt_address
from app.dubbing.service import paths
from app.dubbing.service.toml_files import is_there, owners_alone, read_as

MOST_TARGETS = 16
"""Of one stream."""
SCHEMES = ("rtmp", "rtmps", srt_address.SCHEME)

TargetName = Annotated[str, Field(pattern=f"^{paths.NAME_PATTERN}$")]
Language = Annotated[str, Field(pattern=f"^{paths.LANGUAGE_PATTERN}$")]


class Target(BaseModel):
    """Where to send: an address of RTMP, RTMPS or SRT, and the key that the other server gave out, if any.

    For SRT the key is the stream id, and both may stand in the address instead, with a latency in
    milliseconds. `original` asks for the original's sound as a second track.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    address: Annotated[SecretStr, Field(max_length=2000)]
    key: Annotated[SecretStr, Field(max_length=500)] = SecretStr("")
    passphrase: Annotated[SecretStr, Field(max_length=79)] = SecretStr("")
    original: bool = False

    @field_validator("address")
    @classmethod
    def _usable(cls, address: SecretStr) -> SecretStr:
        said = address.get_secret_value()
        try:
            parts = urlsplit(said)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in SCHEMES or any(char.isspace() for char in said):
            raise ValueError("give an address that begins with rtmp://, rtmps:// or srt:// and names a host")
        try:
            local = ipaddress.ip_address(host).is_link_local
        except ValueError:
            local = False
        if local:
            raise ValueError("a link-local address is nobody's media server")
        return address

    @model_validator(mode="after")
    def _possible(self) -> Target:
        if not self.over_srt:
            if self.original:
                raise ValueError(
                    "RTMP has one sound track: the original as a second one goes over srt:// alone"
                )
            if self.passphrase.get_secret_value():
                raise ValueError("RTMP has no passphrase: rtmps:// is encrypted, srt:// takes one")
        elif srt_address.parse(self.whole).listen:
            raise ValueError("a target is called: give it without mode=listener")
        return self

    @property
    def over_srt(self) -> bool:
        """Whether it is sent to over SRT."""
        return urlsplit(self.address.get_secret_value()).scheme == srt_address.SCHEME

    @property
    def whole(self) -> str:
        """The address with its keys: a secret."""
        address, key = self.address.get_secret_value(), self.key.get_secret_value()
        if self.over_srt:
            return srt_address.joined(address, key, self.passphrase.get_secret_value())
        return f"{address.rstrip('/')}/{key}" if key else address

    @property
    def shown(self) -> str:
        """The part of the address that people may see: scheme, host and application."""
        parts = urlsplit(self.address.get_secret_value())
        place = parts.netloc.rpartition("@")[2]
        path = parts.path.strip("/").split("/")
        # The last part may be a key where none is given apart.
        first = path[0] if len(path) > 1 or self.key.get_secret_value() else ""
        return f"{parts.scheme}://{place}/{first}".rstrip("/")


class NamedTarget(Target):
    """A target in a stream's file."""

    name: TargetName
    language: Language


class TargetFile(BaseModel):
    """The file: a list of targets."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    target: Annotated[list[NamedTarget], Field(max_length=MOST_TARGETS)] = []


class BadTargets(ValueError):
    """A file of targets that can't be used. The message names it and what is wrong, and no address."""


def read(folder: Path, stream: str) -> list[NamedTarget]:
    """The targets in <stream>.restream.toml, none where there is no such file. Raises BadTargets."""
    file = folder / f"{stream}.restream.toml"
    if not is_there(file, BadTargets):
        return []
    owners_alone(file, "keys", BadTargets)
    return read_as(TargetFile, file, BadTargets).target
