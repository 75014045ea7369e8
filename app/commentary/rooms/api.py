"""Commentary's HTTP API about rooms; there is none of it where LIVEKIT_ENABLED is off."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.commentary.rooms.door import TOKEN_FOR
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
    """Who wants to come into which room; an identity is made up where none is given."""

    model_config = ConfigDict(extra="forbid")

    room: Name
    identity: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""


class Entrance(BaseModel):
    """What lets in: to show a camera, and to see and hear."""

    room: str
    identity: str
    token: str
    expires: str


def install(app: FastAPI, rooms: Rooms) -> None:
    """Adds the routes."""
    routes = APIRouter()

    @routes.post("/token", responses=REFUSALS)
    async def token(asking: Asking, request: Request) -> Entrance:
        """A token for a room that a session watches, good for an hour."""
        identity, made = rooms.let_in(asking.room, asking.identity, address_of(request))
        expires = (datetime.now(UTC) + TOKEN_FOR).isoformat(timespec="seconds")
        return Entrance(room=asking.room, identity=identity, token=made, expires=expires)

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
