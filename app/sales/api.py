"""Sales' HTTP API: calls, what was said and objected to, events, exports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.sales.call import LiveCall
from app.sales.calls import Calls, Conflict, Full, Unknown
from app.sales.export import MEDIA_TYPES, Format, export
from app.sales.messages import Call, NewCall, NewSegment, Segment, WholeCall
from app.sales.messages import Calls as CallList
from app.serving.feed import Feed

MAX_LISTENERS = 50
Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Responses = dict[int | str, dict[str, Any]]
PROBLEM = {"content": {"application/json": {"schema": {"type": "object"}}}}
NO_CALL: Responses = {404: {"description": "There is no such call.", **PROBLEM}}
NO_JSON: Responses = {400: {"description": "The body is no text in UTF-8.", **PROBLEM}}
NOT_NOW: Responses = {409: {"description": "That can't be done with the call as it is.", **PROBLEM}}
FULL: Responses = {503: {"description": "There are too many; try again later.", **PROBLEM}}

log = structlog.get_logger()


def install(app: FastAPI, calls: Calls) -> None:
    """Adds the API to the application; unknown answers 404, what can't be done 409, too much 503."""
    app.include_router(router(calls))

    @app.exception_handler(Unknown)
    async def unknown(_: Request, error: Unknown) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(Conflict)
    async def conflict(_: Request, error: Conflict) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(Full)
    async def full(_: Request, error: Full) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503, {"retry-after": "60"})


async def events_of(call: LiveCall, last: int) -> AsyncIterator[ServerSentEvent]:
    """The events after that number, those kept first; only what is kept has an id."""
    call.log.listeners += 1
    try:
        async for entry in call.log.follow(last, call.state_event()):
            yield ServerSentEvent(data=entry.data, id=str(entry.number) if entry.number else None)
    finally:
        call.log.listeners -= 1


def number(text: str) -> int:
    """The number of the last event a client has; 0 where it says none, or nonsense."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def router(calls: Calls) -> APIRouter:
    """The routes over these calls."""
    routes = APIRouter()

    @routes.post("/calls", status_code=201, responses={**NO_JSON, **FULL})
    async def new(asked: NewCall) -> Call:
        """A new call; sound for it goes to its WebSocket, /calls/{id}/audio?channel=NAME."""
        return calls.new(asked).view()

    @routes.get("/calls")
    async def list_calls(limit: Annotated[int, Query(ge=1, le=100)] = 100) -> CallList:
        """The calls that are kept, the newest first."""
        return CallList(calls=[call.view() for call in calls.all[:limit]])

    @routes.get("/calls/{id}", responses=NO_CALL)
    async def one(id: Id) -> WholeCall:
        """A call with all that was said and objected to."""
        return calls.get(id).whole()

    @routes.delete("/calls/{id}", status_code=204, responses=NO_CALL)
    async def remove(id: Id) -> None:
        """Ends a call at once and forgets it."""
        calls.remove(id)

    @routes.post("/calls/{id}/end", responses=NO_CALL)
    async def end(id: Id) -> Call:
        """Ends a call, once the last words of its sound are there (within 15 s)."""
        return (await calls.end(id)).view()

    @routes.post("/calls/{id}/text", status_code=201, responses={**NO_JSON, **NO_CALL, **NOT_NOW})
    async def text(id: Id, said: NewSegment) -> Segment:
        """Something said, from a recogniser elsewhere; it is searched for objections as any other."""
        call = calls.get(id)
        if call.ended is not None:
            raise Conflict("the call is over")
        if said.channel not in call.asked.channels:
            raise Conflict(f"the call has no channel {said.channel}; it has {', '.join(call.asked.channels)}")
        return call.said(said.channel, said.start, said.end, said.text)

    @routes.get("/calls/{id}/export", responses=NO_CALL)
    async def as_file(id: Id, format: Format = "json") -> Response:
        """The call as a file: json, txt or csv."""
        call = calls.get(id).whole()
        name = f'attachment; filename="call-{call.id}.{format}"'
        return Response(
            export(call, format), media_type=MEDIA_TYPES[format], headers={"content-disposition": name}
        )

    @routes.get("/calls/{id}/events", response_class=EventSourceResponse, responses={**NO_CALL, **FULL})
    async def events(id: Id, last_event_id: Annotated[str, Header(max_length=40)] = "") -> Feed:
        """Server-sent events: the state, everything kept after Last-Event-ID, then what happens."""
        call = calls.get(id)
        if call.log.listeners >= MAX_LISTENERS:
            raise Full(f"{MAX_LISTENERS} listeners follow this call already")
        return Feed(events_of(call, number(last_event_id)))

    return routes
