"""The rooms that are watched and interpreted, each by one and no more, and who may come in."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque

from app.commentary.rooms.door import MOST_GUESTS, OURS, Door
from app.commentary.rooms.interpreted import InterpretedRoom
from app.commentary.rooms.room import Room
from app.settings import Settings

TOKENS_A_MINUTE = 10
MOST_A_MINUTE = 200
MOST_INTERPRETED = 4
MOST_LANGUAGES = 4
MINUTE = 60.0


class Refused(RuntimeError):
    """Nobody comes in that way. `status` is HTTP's, the message says why and what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Rooms:
    """The rooms by name."""

    def __init__(self, settings: Settings) -> None:
        # It warns of every frame that is dropped, as those must be that come while one is looked at.
        logging.getLogger("livekit").setLevel(logging.ERROR)
        self.door = Door(settings)
        self._settings = settings
        self._rooms: dict[str, Room] = {}
        self._interpreted: dict[str, InterpretedRoom] = {}
        self._given: dict[str, deque[float]] = {}

    @property
    def watched(self) -> list[Room]:
        """The rooms that go on."""
        self._rooms = {name: room for name, room in self._rooms.items() if not room.health.ended}
        return list(self._rooms.values())

    async def connected(self) -> bool:
        """Whether every room is connected to the server; where there is none, whether it answers."""
        going_on = [room.connected for room in self.watched] + [room.connected for room in self.interpreted]
        if going_on:
            return all(going_on)
        return await self.door.answers()

    @property
    def interpreted(self) -> list[InterpretedRoom]:
        """The interpreted rooms that go on."""
        self._interpreted = {name: room for name, room in self._interpreted.items() if not room.ended}
        return list(self._interpreted.values())

    def new(self, name: str) -> Room:
        """A room to be watched. Raises Refused where one is watched already by that name."""
        if any(room.name == name for room in self.watched):
            raise Refused(409, f"the room {name} is watched already: end its session, or choose another name")
        room = Room(name, self.door, self._settings.reconnect_delay, self._settings.max_reconnect_delay)
        self._rooms[name] = room
        return room

    async def interpret(self, name: str) -> InterpretedRoom:
        """The room of that name, interpreted from now on. Raises Refused where too many are."""
        for room in (interpreted := self.interpreted):
            if room.name == name:
                return room
        if len(interpreted) >= MOST_INTERPRETED:
            raise Refused(503, f"{MOST_INTERPRETED} rooms are interpreted already: end one of them")
        room = InterpretedRoom(
            name, self.door, self._settings.reconnect_delay, self._settings.max_reconnect_delay
        )
        self._interpreted[name] = room
        await room.open()
        return room

    async def leave(self, name: str) -> None:
        """Ends interpreting in a room. Raises Refused where it is not interpreted."""
        for room in self.interpreted:
            if room.name == name:
                return await room.close()
        raise Refused(404, f"nobody interprets in the room {name}")

    async def close(self) -> None:
        """Ends interpreting in all rooms; those that are watched belong to their sessions."""
        await asyncio.gather(*(room.close() for room in self.interpreted))

    def let_in(self, name: str, identity: str, address: str, language: str = "") -> tuple[str, str]:
        """Identity and token for a room: an interpreted one for who has a `language`, else a watched one.

        Raises Refused, and SourceProblem where there is no secret.
        """
        room = self._open_to(name, language)
        if room.guests >= MOST_GUESTS:
            raise Refused(503, f"the room {name} is full: {MOST_GUESTS} are in it")
        if identity in OURS:
            raise Refused(403, f"{identity} is one of ours: choose another identity")
        self._count(address)
        identity = identity or f"guest-{secrets.token_hex(4)}"
        return identity, self.door.guest(name, identity, language)

    def _open_to(self, name: str, language: str) -> Room | InterpretedRoom:
        """The room of that name. Raises Refused."""
        if not language:
            if (watched := next((each for each in self.watched if each.name == name), None)) is None:
                raise Refused(404, f"no session watches the room {name}: begin one with the source livekit")
            return watched
        room = next((each for each in self.interpreted if each.name == name), None)
        if room is None:
            raise Refused(404, f"nobody interprets in the room {name}: POST /api/livekit/interpreted first")
        if len(room.languages | {language}) > MOST_LANGUAGES:
            there = ", ".join(sorted(room.languages))
            raise Refused(503, f"{MOST_LANGUAGES} languages are spoken in the room {name} already: {there}")
        return room

    def _count(self, address: str) -> None:
        now = time.monotonic()
        for given in self._given.values():
            while given and now - given[0] > MINUTE:
                given.popleft()
        self._given = {each: given for each, given in self._given.items() if given}
        mine = self._given.setdefault(address, deque())
        everyone = sum(len(given) for given in self._given.values())
        if len(mine) >= TOKENS_A_MINUTE or everyone >= MOST_A_MINUTE:
            raise Refused(429, f"{TOKENS_A_MINUTE} tokens a minute are given to one address: wait a minute")
        mine.append(now)
