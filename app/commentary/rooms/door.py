"""LiveKit's server as rooms are made there, and the tokens by which one comes in."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from livekit import api

from app import livekit
from app.commentary.frames.problem import SourceProblem
from app.settings import Settings

WATCHER = "commentary"
INTERPRETER = "interpreter"
OURS = (WATCHER, INTERPRETER)
"""The identities of those that watch and interpret; LiveKit lets nobody in twice."""
LANGUAGE = "language"
"""The attribute of a guest that says what is spoken and heard by them."""
TOKEN_FOR = timedelta(hours=1)
MOST_GUESTS = 20
EMPTY_FOR = 60
ASK_WITHIN = 3.0
PROBE_WITHIN = 0.6
UNAUTHORISED = (401, 403)


@dataclass(frozen=True)
class Door:
    """Makes rooms, and lets in. `secret` is never shown."""

    settings: Settings

    @property
    def address(self) -> str:
        """WebSocket address of the server."""
        return self.settings.livekit_address

    @property
    def secret(self) -> str:
        """What tokens are signed with. Raises SourceProblem where `make run` has not made it yet."""
        if found := livekit.secret(self.settings):
            return found
        raise SourceProblem("wrong_key", "there is no secret: start the service livekit, or set LIVEKIT_URL")

    async def make(self, room: str) -> None:
        """The room, where there is none yet. Raises SourceProblem."""
        most = MOST_GUESTS + len(OURS)
        wanted = api.CreateRoomRequest(name=room, empty_timeout=EMPTY_FOR, max_participants=most)
        client = api.LiveKitAPI(self.address, self.settings.livekit_api_key, self.secret)
        try:
            async with asyncio.timeout(ASK_WITHIN):
                await client.room.create_room(wanted)
        except api.TwirpError as error:
            if error.status in UNAUTHORISED:
                raise SourceProblem("wrong_key") from None
            raise SourceProblem("unreachable", f"LiveKit answered {error.status}") from None
        except (TimeoutError, aiohttp.ClientError, OSError, json.JSONDecodeError):
            raise SourceProblem("unreachable", "LiveKit does not answer") from None
        finally:
            await client.aclose()

    def ours(self, room: str, identity: str) -> str:
        """The token of one of OURS. Raises SourceProblem."""
        return self._token(identity, api.VideoGrants(room_join=True, room=room))

    def guest(self, room: str, identity: str, language: str = "") -> str:
        """The token of one who shows a camera and listens, good for an hour. Raises SourceProblem.

        Who has a `language` speaks there, too.
        """
        rights = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["camera", "microphone"] if language else ["camera"],
            can_publish_data=False,
            can_subscribe=True,
        )
        return self._token(identity, rights, {LANGUAGE: language} if language else {})

    def _token(self, identity: str, rights: api.VideoGrants, attributes: dict[str, str] | None = None) -> str:
        token = api.AccessToken(self.settings.livekit_api_key, self.secret)
        token = token.with_identity(identity).with_grants(rights).with_ttl(TOKEN_FOR)
        return token.with_attributes(attributes).to_jwt() if attributes else token.to_jwt()

    async def answers(self) -> bool:
        """Whether the server is there."""
        address = self.address.replace("ws", "http", 1)
        within = aiohttp.ClientTimeout(PROBE_WITHIN)
        try:
            async with aiohttp.ClientSession(timeout=within) as client, client.get(address) as answer:
                return answer.status == 200
        except (TimeoutError, aiohttp.ClientError):
            return False
