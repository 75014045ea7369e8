"""Who may watch all/<name>, decided in one place for every request, however it is answered."""

from __future__ import annotations

import asyncio
import base64
import binascii

from fastapi import HTTPException

from app.access.links import Links
from app.dubbing.service import paths
from app.dubbing.service.auth import AccessRequest, allowed
from app.dubbing.service.clients import is_near, is_wrong
from app.serving.throttle import Throttle, network_of
from app.settings import Settings

PAUSE = 1.0
"""Seconds that a wrong password costs."""


class Viewers:
    """Lets those in who may read the stream, and slows down who guesses."""

    def __init__(self, settings: Settings, secret: str, links: Links) -> None:
        self._settings = settings
        self._secret = secret
        self._links = links
        self.throttle = Throttle()

    def may(self, asked: AccessRequest) -> bool:
        """Whether who asks is let in now. Costs nothing: who is not has to `come_in` to be told why."""
        return not self._is_held_back(asked) and self._is_allowed(asked)

    async def come_in(self, asked: AccessRequest, headers: dict[str, str]) -> None:
        """Raises HTTPException (401 with these headers, 429) for who may not watch."""
        if self._is_held_back(asked):
            raise HTTPException(429, "too many wrong passwords; wait a little")
        if self._is_allowed(asked):
            return
        if is_wrong(asked):
            if (client := client_of(asked)) is not None:
                self.throttle.wrong(client)
            await asyncio.sleep(PAUSE)
        raise HTTPException(
            401,
            "watching needs the user name and password of the media server, or a link",
            {"www-authenticate": 'Basic realm="Voicestack"', **headers},
        )

    def _is_held_back(self, asked: AccessRequest) -> bool:
        client = client_of(asked)
        return client is not None and self.throttle.is_held_back(client) and is_wrong(asked)

    def _is_allowed(self, asked: AccessRequest) -> bool:
        return allowed(asked, self._settings, self._secret, self._links)


def question(name: str, authorization: str, query: str, ip: str) -> AccessRequest:
    """What is to be decided: whether who comes with this header and query from there may watch the stream."""
    user, password = credentials(authorization)
    return AccessRequest(
        user=user,
        password=password,
        ip=ip,
        action="read",
        path=paths.all_path(name),
        protocol="hls",
        query=query,
    )


def client_of(asked: AccessRequest) -> str | None:
    """Who is slowed down by a wrong password: by way of the console or the edge all viewers have one address,
    and there the pause has to do (None)."""
    return None if is_near(asked.ip) else network_of(asked.ip)


def credentials(authorization: str) -> tuple[str, str]:
    """User and password in an Authorization header; empty where there are none."""
    kind, _, given = authorization.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "?", ""
    return user, password
