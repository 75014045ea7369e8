"""The dubber's HTTP API: streams, the operator's controls, phrases, captions, events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException

from app.dubbing.captions import Cue, webvtt
from app.dubbing.service import feeds, paths, views
from app.dubbing.service.events import Hub
from app.dubbing.service.guards import json_only
from app.dubbing.service.profile import StreamProfile
from app.dubbing.service.streams import Conflict, Streams, Unknown
from app.serving.feed import Feed
from app.speech.protocol import MOST_SPEAKERS

Name = Annotated[str, Path(pattern=f"^{paths.NAME_PATTERN}$")]
Language = Annotated[str, Path(pattern=f"^{paths.LANGUAGE_PATTERN}$")]
Speaker = Annotated[int, Path(ge=1, le=MOST_SPEAKERS)]
VTT_SECONDS = 600.0
NOT_KEPT = {"cache-control": "no-store"}


def install(app: FastAPI, streams: Streams, hub: Hub) -> None:
    """Adds the API to the application; what is unknown answers 404, what can't be done now 409.

    No refusal may be kept by a cache, which without a word keeps a 404 for as long as it likes.
    """
    app.include_router(router(streams, hub))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        answer = await http_exception_handler(request, error)
        answer.headers.update(NOT_KEPT)
        return answer

    @app.exception_handler(Unknown)
    async def unknown(_: Request, error: Unknown) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404, NOT_KEPT)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        # Without what was sent: it may be keys.
        told = [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()]
        return JSONResponse({"detail": told}, 422, NOT_KEPT)

    @app.exception_handler(Conflict)
    async def conflict(_: Request, error: Conflict) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)


def router(streams: Streams, hub: Hub) -> APIRouter:
    """The routes over these streams."""
    routes = APIRouter()
    operator = Depends(json_only)

    @routes.get("/streams")
    async def all_streams() -> views.Streams:
        """All streams and their dubs."""
        return streams.view()

    @routes.get("/streams/{name}")
    async def one_stream(name: Name) -> views.Stream:
        """One stream and its dubs."""
        return streams.stream(name).view()

    @routes.post("/streams/{name}/spoken", dependencies=[operator])
    async def spoken(name: Name, request: views.SpokenRequest) -> views.Stream:
        """Says what is spoken in the stream; all its dubs go by it from their next phrase on."""
        return streams.speak(name, request.language).view()

    @routes.get("/streams/{name}/profile")
    async def profile(name: Name) -> StreamProfile:
        """How the stream is worded, and in which languages, voices and delay it is dubbed."""
        return streams.stream(name).profile

    # Before the languages, for none of them is called so.
    @routes.put("/streams/{name}/profile", dependencies=[operator])
    async def edit_profile(name: Name, profile: StreamProfile) -> StreamProfile:
        """Another profile until the stream ends: wording and voices from the next phrase on."""
        return streams.profile(name, profile)

    @routes.put("/streams/{name}/{language}", dependencies=[operator])
    async def start(name: Name, language: Language, response: Response) -> views.Dub:
        """Starts a dub (201), or leaves a running one as it is (200)."""
        dub, started = streams.start(name, language)
        response.status_code = 201 if started else 200
        return dub.view()

    @routes.delete("/streams/{name}/{language}", dependencies=[operator])
    async def stop(name: Name, language: Language) -> views.Dub:
        """Stops a dub until it is started again or the stream ends."""
        return streams.stop(name, language).view()

    @routes.post("/streams/{name}/{language}/bypass", dependencies=[operator])
    async def bypass(name: Name, language: Language, request: views.BypassRequest) -> views.Dub:
        """Original sound only, or dubbing again."""
        return streams.bypass(name, language, request.on).view()

    @routes.post("/streams/{name}/{language}/switch", dependencies=[operator])
    async def switch(name: Name, language: Language, request: views.SwitchRequest) -> views.Dub:
        """Starts the dub in another language, then stops this one; answers with the new one."""
        return streams.switch(name, language, request.language).view()

    @routes.put("/streams/{name}/{language}/speakers/{speaker}", dependencies=[operator])
    async def correct_speaker(
        name: Name, language: Language, speaker: Speaker, request: views.SpeakerRequest
    ) -> views.Dub:
        """Corrects from the next phrase on whose phrases a speaker's are, or gives it another voice."""
        return streams.correct_speaker(name, language, speaker, request).view()

    @routes.post("/streams/{name}/record", dependencies=[operator])
    async def record(name: Name, request: views.RecordRequest) -> views.Stream:
        """Keeps the sounds of each phrase, in all the stream's languages, or keeps none any more."""
        return streams.record(name, request.on).view()

    @routes.get("/streams/{name}/{language}/phrases")
    async def phrases(
        name: Name, language: Language, limit: Annotated[int, Query(ge=1, le=2000)] = 100
    ) -> views.Phrases:
        """The last phrases, the newest last."""
        return views.Phrases(phrases=list(streams.dub(name, language).phrases)[-limit:])

    @routes.get("/streams/{name}/{language}/phrases.jsonl")
    async def phrase_log(name: Name, language: Language) -> Response:
        """The whole phrase log as a download, one JSON document a line."""
        lines = list(streams.dub(name, language).phrases)

        def text() -> Iterator[str]:
            for phrase in lines:
                yield phrase.model_dump_json() + "\n"

        return StreamingResponse(
            text(),
            media_type="application/x-ndjson",
            headers={"content-disposition": f'attachment; filename="{name}-{language}-phrases.jsonl"'},
        )

    @routes.get("/streams/{name}/{language}/captions", response_class=EventSourceResponse)
    async def captions(name: Name, language: Language) -> Feed:
        """Server-sent events `caption`, each when its sound leaves the output."""
        streams.dub(name, language)
        return Feed(feeds.captions(streams, hub, name, language))

    @routes.get("/streams/{name}/{language}/captions.vtt")
    async def captions_file(
        name: Name, language: Language, text: Literal["source", "target"] = "target"
    ) -> Response:
        """WebVTT of the last ten minutes on the output's timeline."""
        found = streams.dub(name, language).captions
        since = max((caption.end for caption in found), default=0.0) - VTT_SECONDS
        cues = [
            Cue(caption.start, caption.end, caption.source if text == "source" else caption.target)
            for caption in found
            if caption.end > since
        ]
        return Response(webvtt(cues), media_type="text/vtt; charset=utf-8", headers=NOT_KEPT)

    @routes.get("/events", response_class=EventSourceResponse)
    async def events() -> Feed:
        """Server-sent events `streams` (all of /streams), `phrase`, `caption`, `missed` (`count`)."""
        return Feed(feeds.everything(streams, hub))

    return routes
