"""A stand-in for the dubber: a real HTTP server with its addresses and documents, steered by the test.

It dubs nothing. The states of the page can only be had on demand this way; the page against the real
dubber is in test_real_services.py.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.dubbing.service import views
from app.dubbing.service.profile import StreamProfile
from app.dubbing.service.sources import TakenIn


def dub(language: str = "es", status: str = "dubbing", **changes: Any) -> dict[str, Any]:
    """A dub as the dubber tells it, checked against the dubber's own model."""
    document = {
        "stream": "match",
        "language": language,
        "path": f"dub/match/{language}",
        "status": status,
        "profile": "live",
        "delay": 2.8,
        "position": 95.0,
        "tracks": [],
        "lag": {"p50": 0.04, "p95": 0.31, "p99": 0.52, "slope": 0.0},
        "counts": {"phrases": 40, "in_time": 38, "late": 1, "dropped": 0, "passed_through": 1},
        "reconnects": 0,
        "restarts": 0,
        "since": time.time() - 90,
        "speech": {"address": "ws://127.0.0.1:5003", "problem": ""},
        "queue": {"seconds": 2.8, "bytes": 900_000},
        "note": "",
        "problem": "",
    }
    return views.Dub.model_validate(document | changes).model_dump()


def stream(*dubs: dict[str, Any], name: str = "match", ready: bool = True) -> dict[str, Any]:
    """A stream with these dubs."""
    document = {
        "name": name,
        "ready": ready,
        "since": time.time() - 754,
        "source": {"type": "rtmpConn", "tracks": ["H264", "MPEG-4 Audio"]},
        "spoken": {"set": "en", "heard": "en"},
        "recording": False,
        "dubs": [one | {"stream": name, "path": f"dub/{name}/{one['language']}"} for one in dubs],
    }
    return views.Stream.model_validate(document).model_dump()


def phrase(number: int, outcome: str = "in_time", **changes: Any) -> dict[str, Any]:
    """The record of a phrase; phrases are 2 s apart and the first ones lie longest ago."""
    heard = outcome in ("in_time", "late")
    document = {
        "stream": "match",
        "language": "es",
        "id": number,
        "start": number * 2.0,
        "end": number * 2.0 + 1.8,
        "shown_at": 1_760_000_000 + number * 2.0,
        "hidden_at": 1_760_000_000 + number * 2.0 + 1.8,
        "source": f"This is phrase number {number}",
        "target": f"Esta es la frase número {number}",
        "outcome": outcome,
        "reason": "" if heard else "the speech service did not answer in time",
        "lateness": (number % 7) * 0.03 if heard else 0.0,
        "speed": 1.1 if heard else 0.0,
        "stages": {"recognise": 0.4, "translate": 0.1, "synthesise": 0.2},
    }
    return views.Phrase.model_validate(document | changes).model_dump()


def taken_in(name: str, **changes: Any) -> dict[str, Any]:
    """A stream that is taken in, as the dubber tells it."""
    document = {
        "stream": name,
        "address": "srt://encoder.example.org:9000",
        "lasts": True,
        "running": True,
        "bit_rate": 4_200_000,
        "tracks": ["h264", "aac"],
        "language": "en",
        "splices": 2,
        "tags": 0,
        "reconnects": 0,
        "problem": "",
    }
    return TakenIn.model_validate(document | changes).model_dump()


def caption(number: int, shown_at: float, source: str, target: str, **changes: Any) -> dict[str, Any]:
    """Both texts of a phrase that is heard for three seconds from a Unix time on."""
    document = {
        "stream": "match",
        "language": "es",
        "id": number,
        "start": 1.0,
        "end": 4.0,
        "shown_at": shown_at,
        "hidden_at": shown_at + 3.0,
        "source": source,
        "target": target,
    }
    return views.Caption.model_validate(document | changes).model_dump()


@dataclass
class StandInDubber:
    """What the stand-in tells, and what it was asked. Changed by the test's thread, read by the server's."""

    streams: list[dict[str, Any]] = field(default_factory=list)
    phrases: list[dict[str, Any]] = field(default_factory=list)
    media: tuple[bool, str] = (True, "")
    speech: dict[str, tuple[bool, str]] = field(default_factory=lambda: {"sts 127.0.0.1:5003": (True, "")})
    restreams: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    looked_at_sources: int = 0
    can_dub: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""
    profile: dict[str, Any] = field(default_factory=lambda: StreamProfile().model_dump(mode="json"))
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    _events: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held.set()

    def tell(self, kind: str, document: dict[str, Any]) -> None:
        """Sends an event to everybody who listens now."""
        self._events.append((kind, document))

    def app(self) -> FastAPI:
        """The HTTP server."""
        app = FastAPI()

        @app.get("/events")
        async def events() -> EventSourceResponse:
            return EventSourceResponse(self._feed())

        @app.get("/health")
        async def health() -> dict[str, Any]:
            hosts = {"media": self.media, **self.speech}
            return {
                "service": "dubber",
                "status": "ok",
                "detail": "",
                "can_dub": self.can_dub,
                "depends_on": {
                    name: {"reachable": ok, "detail": detail} for name, (ok, detail) in hosts.items()
                },
            }

        @app.get("/streams/{name}/{language}/phrases")
        async def phrases(name: str, language: str) -> dict[str, Any]:
            return {
                "phrases": [
                    one for one in self.phrases if (one["stream"], one["language"]) == (name, language)
                ]
            }

        @app.get("/streams/{name}/{language}/captions.vtt")
        async def captions() -> Response:
            return Response("WEBVTT\n", media_type="text/vtt")

        @app.get("/restreams")
        async def restreams() -> dict[str, Any]:
            return {"restreams": self.restreams}

        @app.api_route("/restreams/{path:path}", methods=["PUT", "DELETE"])
        async def restream(request: Request, path: str) -> Response:
            body = await request.body()
            self.calls.append((request.method, f"restreams/{path}", json.loads(body) if body else None))
            return JSONResponse({})

        @app.get("/sources")
        async def sources() -> dict[str, Any]:
            self.looked_at_sources += 1
            return {"sources": self.sources}

        @app.api_route("/sources/{path:path}", methods=["PUT", "DELETE"])
        async def source(request: Request, path: str) -> Response:
            body = await request.body()
            self.calls.append((request.method, f"sources/{path}", json.loads(body) if body else None))
            return JSONResponse({"detail": self.refusal}, 422) if self.refusal else JSONResponse({})

        @app.get("/streams/{name}/profile")
        async def profile() -> dict[str, Any]:
            return self.profile

        @app.put("/streams/{name}/profile")
        async def edit(profile: StreamProfile) -> StreamProfile:
            self.profile = profile.model_dump(mode="json")
            return profile

        @app.api_route("/streams/{path:path}", methods=["PUT", "POST", "DELETE"])
        async def order(request: Request, path: str) -> Response:
            body = await request.body()
            self.calls.append((request.method, path, json.loads(body) if body else None))
            while not self.held.is_set():
                await asyncio.sleep(0.02)
            if request.headers.get("content-type") != "application/json":
                return JSONResponse({"detail": "send it with content-type: application/json"}, 415)
            if self.refusal:
                return JSONResponse({"detail": self.refusal}, 409)
            return JSONResponse({})

        return app

    async def _feed(self) -> AsyncIterator[ServerSentEvent]:
        told = len(self._events)
        last, at = "", 0.0
        while True:
            document = json.dumps({"streams": self.streams})
            if document != last or time.monotonic() - at > 1.0:
                last, at = document, time.monotonic()
                yield ServerSentEvent(event="streams", data=document)
            for kind, event in self._events[told:]:
                told += 1
                yield ServerSentEvent(event=kind, data=json.dumps(event))
            await asyncio.sleep(0.05)
