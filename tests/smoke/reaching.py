"""Where a host is reached, and through which other one."""

from __future__ import annotations

from app.release import aws
from tests.smoke.host import Login, SshHost


def jump_host(text: str, login: Login) -> SshHost:
    """The host to go through, from [USER@]ADDRESS[:PORT]."""
    user, _, place = text.rpartition("@")
    address, port = place_of(place)
    return SshHost("jump host", address, Login(user or login.user, login.key, login.known_hosts), port)


def reached(found: aws.Host, overrides: list[str], jumping: bool) -> tuple[str, int]:
    """Address and port of a host: its override, else public, or private where a jump host is gone through."""
    for override in overrides:
        name, equals, place = override.partition("=")
        if equals and name == found.name:
            return place_of(place)
    return (found.private if jumping or not found.public else found.public), 22


def place_of(text: str) -> tuple[str, int]:
    """Address and port from ADDRESS[:PORT]."""
    address, colon, port = text.partition(":")
    return address, int(port) if colon else 22
