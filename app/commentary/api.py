"""Commentary's HTTP API: status, sources, profiles, sessions and what is said in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import structlog
from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.commentary import profile
from app.commentary.description import NotDescribed
from app.commentary.frames import allowed
from app.commentary.frames.problem import SourceProblem
from app.commentary.history import MEDIA_TYPES, Format, export
from app.commentary.jpeg import jpeg
from app.commentary.messages import (
    Change,
    Comment,
    NewSession,
    Part,
    Profiles,
    Session,
    Sources,
    Status,
)
from app.commentary.messages import Sessions as SessionList
from app.commentary.profile import UnknownProfile
from app.commentary.session import LiveSession, describing
from app.commentary.sessions import Full, Sessions, Unknown
from app.commentary.speech import Speech
from app.commentary.streams import Streams
from app.commentary.vision import Vision
from app.serving.feed import Feed
from app.settings import Settings

if TYPE_CHECKING:
    from app.commentary.rooms.rooms import Rooms

MAX_LISTENERS = 50
STATUSES = {"not_found": 404, "refused": 403, "permission_denied": 403}
Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Responses = dict[int | str, dict[str, Any]]
PROBLEM = {"content": {"application/json": {"schema": {"type": "object"}}}}
NO_SESSION: Responses = {404: {"description": "There is no such session, or no such part of it.", **PROBLEM}}
NO_JSON: Responses = {400: {"description": "The body is no text in UTF-8.", **PROBLEM}}
NO_SOURCE: Responses = {
    403: {"description": "The operator does not allow that source.", **PROBLEM},
    404: {"description": "There is no such source.", **PROBLEM},
}
FULL: Responses = {503: {"description": "There are too many; end one of them.", **PROBLEM}}

log = structlog.get_logger()


def install(
    app: FastAPI,
    settings: Settings,
    sessions: Sessions,
    streams: Streams,
    vision: Vision | None,
    speech: Speech,
    rooms: Rooms | None = None,
) -> None:
    """Adds the API to the application; unknown answers 404, what is not allowed 403, too much 503."""
    app.include_router(about(settings, sessions, streams, vision, speech, rooms), prefix="/api")
    app.include_router(router(sessions), prefix="/api/sessions")

    @app.exception_handler(Unknown)
    @app.exception_handler(UnknownProfile)
    async def unknown(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(Full)
    async def full(_: Request, error: Full) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503, {"retry-after": "60"})

    @app.exception_handler(NotDescribed)
    async def not_described(_: Request, error: NotDescribed) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(SourceProblem)
    async def no_source(_: Request, error: SourceProblem) -> JSONResponse:
        kind = error.problem.kind
        return JSONResponse({"detail": str(error.problem), "problem": kind}, STATUSES.get(kind, 422))


def about(
    settings: Settings,
    sessions: Sessions,
    streams: Streams,
    vision: Vision | None,
    speech: Speech,
    rooms: Rooms | None,
) -> APIRouter:
    """The routes about everything: status, sources, profiles."""
    routes = APIRouter()

    @routes.get("/status")
    async def status() -> Status:
        """How it is with capture, LiveKit, the describer and speech."""
        running = [session.view() for session in sessions.running]
        last = [session.last_comment for session in running if session.last_comment is not None]
        return Status(
            capture_healthy=all(each.state == "watching" for each in running) if running else None,
            livekit_connected=await rooms.connected() if rooms is not None else None,
            model=describing(vision),
            speech=Part(healthy=not speech.problem, detail=speech.problem),
            frames_per_second=round(sum(each.frames_per_second for each in running), 1),
            last_comment=last[0] if last else None,
            sessions=len(running),
        )

    @routes.get("/sources")
    async def sources() -> Sources:
        """What may be watched: streams of ours, files, devices, and hosts whose addresses may be given."""
        found, detail = [], ""
        try:
            found = await streams.paths()
        except LookupError as error:
            detail = str(error)
        return Sources(
            streams=found,
            files=await asyncio.to_thread(allowed.files, settings.videos_dir),
            devices=list(settings.commentary_devices),
            hosts=list(settings.commentary_hosts),
            detail=detail,
        )

    @routes.get("/profiles")
    async def profiles() -> Profiles:
        """The profiles, the default one first."""
        return Profiles(profiles=list(profile.all_profiles()))

    return routes


def router(sessions: Sessions) -> APIRouter:
    """The routes over these sessions."""
    routes = APIRouter()

    @routes.post("", status_code=201, responses={**NO_JSON, **NO_SOURCE, **FULL})
    async def new(asked: NewSession) -> Session:
        """A new session; what is said in it comes from /api/sessions/{id}/events."""
        return (await sessions.new(asked)).view()

    @routes.get("")
    async def every() -> SessionList:
        """The sessions, the newest first; those that are over too."""
        return SessionList(sessions=[session.view() for session in sessions.all])

    @routes.get("/{id}", responses=NO_SESSION)
    async def one(id: Id) -> Session:
        """One session."""
        return sessions.get(id).view()

    @routes.patch("/{id}", responses={**NO_JSON, **NO_SESSION})
    async def change(id: Id, wishes: Change) -> Session:
        """Comments otherwise from the next comment on; what is left out stays."""
        session = sessions.get(id)
        session.change(wishes)
        return session.view()

    @routes.post("/{id}/end", responses=NO_SESSION)
    async def end(id: Id) -> Session:
        """Ends a session; what was said stays."""
        session = sessions.get(id)
        await session.close()
        return session.view()

    @routes.delete("/{id}", status_code=204, responses=NO_SESSION)
    async def remove(id: Id) -> None:
        """Ends a session and forgets it."""
        await sessions.remove(id)

    @routes.get("/{id}/picture.jpg", response_class=Response, responses={**NO_SESSION, **JPEG})
    async def picture(id: Id) -> Response:
        """The newest picture, as it is looked at."""
        latest = sessions.get(id).provider.latest
        if latest is None:
            raise Unknown("there is no picture yet")
        file = await asyncio.to_thread(jpeg, latest.picture)
        return Response(file, media_type="image/jpeg", headers={"cache-control": "no-store"})

    @routes.get("/{id}/comments", responses=NO_SESSION)
    async def comments(id: Id) -> list[Comment]:
        """All that was said, the oldest first."""
        return list(sessions.get(id).comments)

    @routes.get("/{id}/comments/{number}/sound.wav", response_class=Response, responses={**NO_SESSION, **WAV})
    async def sound(id: Id, number: Annotated[int, Path(ge=1, le=1 << 31)]) -> Response:
        """A comment as it was spoken; the last few are kept."""
        found = sessions.get(id).sound(number)
        if found is None:
            raise Unknown("that comment has no sound, or it is not kept any more")
        return Response(found.wav, media_type="audio/wav", headers={"cache-control": "no-store"})

    @routes.get("/{id}/history", response_class=Response, responses=NO_SESSION)
    async def history(id: Id, format: Annotated[Format, Query()] = "json") -> Response:
        """All that was said as a file: srt, vtt or json."""
        session = sessions.get(id)
        name = f'attachment; filename="commentary-{session.id}.{format}"'
        return Response(
            export(list(session.comments), format),
            media_type=MEDIA_TYPES[format],
            headers={"content-disposition": name},
        )

    @routes.get("/{id}/events", response_class=EventSourceResponse, responses={**NO_SESSION, **FULL})
    async def events(id: Id, last_event_id: Annotated[str, Header(max_length=40)] = "") -> Feed:
        """Server-sent events: the session, every comment after Last-Event-ID, then what happens."""
        session = sessions.get(id)
        if session.log.listeners >= MAX_LISTENERS:
            raise Full(f"{MAX_LISTENERS} listeners follow this session already")
        return Feed(events_of(session, number(last_event_id)))

    return routes


JPEG: Responses = {200: {"description": "The picture.", "content": {"image/jpeg": {}}}}
WAV: Responses = {200: {"description": "The sound.", "content": {"audio/wav": {}}}}


async def events_of(session: LiveSession, last: int) -> AsyncIterator[ServerSentEvent]:
    """The session's events after that number."""
    async for each, data in session.log.follow(last):
        yield ServerSentEvent(data=data, id=str(each) if each else None)


def number(text: str) -> int:
    """The number of the last event that a client has; 0 where it says none, or nonsense."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
