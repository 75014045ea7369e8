"""Commentary's HTTP API about rooms; there is none of it where LIVEKIT_ENABLED is off."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.commentary.rooms.door import TOKEN_FOR
from app.commentary.rooms.interpreted import InterpretedRoom
from app.commentary.rooms.rooms import Refused, Rooms

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is no text in UTF-8."},
    403: {"description": "That identity is taken for good."},
    404: {"description": "No session watches that room."},
    429: {"description": "Too many tokens were asked for from there."},
    503: {"description": "The room is full."},
}


class Asking(BaseModel):
    """Who wants to come into which room; an identity is made up where none is given.

    A `language` is what they speak and hear in an interpreted room.
    """

    model_config = ConfigDict(extra="forbid")

    room: Name
    identity: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3})?$")] = ""


class Entrance(BaseModel):
    """What lets in: to show a camera, to see and hear, and to speak in an interpreted room."""

    room: str
    identity: str
    token: str
    expires: str


class NewInterpreted(BaseModel):
    """A room that is to be interpreted."""

    model_config = ConfigDict(extra="forbid")

    room: Name


class Phrase(BaseModel):
    """A phrase of a speaker as it was heard, and as it was told in another language."""

    model_config = ConfigDict(from_attributes=True)

    speaker: str
    language: str
    heard: str
    into: str
    text: str


class Interpreted(BaseModel):
    """An interpreted room: the languages of those who are there, what is wrong, and what was said last."""

    room: str
    connected: bool
    guests: int
    languages: list[str]
    problem: str
    said: list[Phrase]


class InterpretedRooms(BaseModel):
    """All of them."""

    rooms: list[Interpreted]


def shown(room: InterpretedRoom) -> Interpreted:
    """A room as the API tells it."""
    return Interpreted(
        room=room.name,
        connected=room.connected,
        guests=room.guests,
        languages=sorted(room.languages),
        problem=room.problem,
        said=[Phrase.model_validate(each) for each in room.said],
    )


def install(app: FastAPI, rooms: Rooms) -> None:
    """Adds the routes."""
    routes = APIRouter()

    @routes.post("/token", responses=REFUSALS)
    async def token(asking: Asking, request: Request) -> Entrance:
        """A token for a room that a session watches, or that is interpreted, good for an hour."""
        identity, made = rooms.let_in(asking.room, asking.identity, address_of(request), asking.language)
        expires = (datetime.now(UTC) + TOKEN_FOR).isoformat(timespec="seconds")
        return Entrance(room=asking.room, identity=identity, token=made, expires=expires)

    @routes.post("/interpreted", responses=REFUSALS)
    async def interpret(asked: NewInterpreted) -> Interpreted:
        """Interprets in a room until everybody has left it; it may be interpreted already."""
        return shown(await rooms.interpret(asked.room))

    @routes.get("/interpreted")
    async def interpreted() -> InterpretedRooms:
        """The interpreted rooms."""
        return InterpretedRooms(rooms=[shown(room) for room in rooms.interpreted])

    @routes.delete("/interpreted/{room}", status_code=204, responses=REFUSALS)
    async def leave(room: Name) -> None:
        """Ends interpreting in a room."""
        await rooms.leave(room)

    app.include_router(routes, prefix="/api/livekit")

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        headers = {"retry-after": "60"} if error.status in (429, 503) else None
        return JSONResponse({"detail": str(error)}, error.status, headers)


def address_of(request: Request) -> str:
    """Who asks. The console, which is beside us, says for whom it does."""
    peer = request.client.host if request.client else ""
    try:
        beside = ipaddress.ip_address(peer).is_private
    except ValueError:
        beside = False
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return told[:64] if beside and told else peer
