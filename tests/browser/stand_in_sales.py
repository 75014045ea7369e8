"""A stand-in for sales: its addresses and documents over HTTP and WebSocket, steered by the test.

It finds no objections. The states of the page can only be had on demand this way; the page against the real
service is in test_speaking.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.sales.messages import NewCall, Objection, Segment, WholeCall

END = "END_OF_AUDIO"


def segment(number: int, text: str, channel: str = "call", start: float | None = None) -> dict[str, Any]:
    """Something said; segments are 4 s apart where no start is given."""
    begin = number * 4.0 if start is None else start
    document = {"id": number, "channel": channel, "start": begin, "end": begin + 3.0, "text": text}
    return Segment.model_validate(document).model_dump()


def objection(number: int, kind: str = "price", **changes: Any) -> dict[str, Any]:
    """An objection to what segment `number` says."""
    document = {
        "id": number,
        "channel": "call",
        "kind": kind,
        "quote": f"this is {kind} objection number {number}",
        "start": number * 4.0,
        "end": number * 4.0 + 3.0,
        "confidence": 0.82,
        "answers": ["First answer.", "Second answer."],
        "smokescreen": False,
        "engine": "rules",
    }
    return Objection.model_validate(document | changes).model_dump()


def call(id: str = "a" * 16, **changes: Any) -> dict[str, Any]:
    """A call with nothing in it yet."""
    document = {
        "id": id,
        "title": "Smith and Sons",
        "language": "en",
        "channels": ["call"],
        "started": "2026-03-02T10:15:00Z",
        "ended": None,
        "state": "listening",
        "detail": "",
        "dropped": 0.0,
        "segments": [],
        "objections": [],
    }
    return WholeCall.model_validate(document | changes).model_dump()


@dataclass
class StandInSales:
    """Its calls, and what it was asked. Changed by the test's thread, read by the server's."""

    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sound: dict[str, bytes] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    write_problem: str = ""
    refusal: tuple[int, str] | None = None
    cut: int = 0

    def add(self, *calls: dict[str, Any]) -> None:
        """Puts calls in."""
        self.calls |= {each["id"]: each for each in calls}

    def tell(self, type: str, document: dict[str, Any], id: str = "a" * 16) -> None:
        """Sends an event of a call to everybody who listens."""
        self.events.append((id, {"type": type, **document}))

    def app(self) -> FastAPI:
        """The server."""
        app = FastAPI()

        @app.get("/health")
        async def health() -> dict[str, Any]:
            return {"service": "sales", "status": "ok", "llm": {"configured": bool(self.writes)}}

        @app.get("/calls")
        async def every() -> dict[str, Any]:
            return {"calls": list(self.calls.values())}

        @app.post("/calls", status_code=201)
        async def new(asked: NewCall) -> Response:
            if self.refusal:
                return JSONResponse({"detail": self.refusal[1]}, self.refusal[0])
            made = call(f"{len(self.calls) + 1:016x}", title=asked.title, channels=asked.channels)
            self.add(made)
            return JSONResponse(made, 201)

        @app.get("/calls/{id}")
        async def one(id: str) -> Response:
            found = self.calls.get(id)
            return JSONResponse(found) if found else JSONResponse({"detail": f"no call {id}"}, 404)

        @app.delete("/calls/{id}", status_code=204)
        async def remove(id: str) -> None:
            self.orders.append(f"delete {id}")
            del self.calls[id]

        @app.post("/calls/{id}/end")
        async def end(id: str) -> dict[str, Any]:
            self.orders.append(f"end {id}")
            self.calls[id]["state"] = "ended"
            self.tell("state", {"state": "ended", "detail": ""}, id)
            return self.calls[id]

        @app.get("/calls/{id}/export")
        async def export(id: str, format: str) -> Response:
            disposition = {"content-disposition": f'attachment; filename="call-{id}.{format}"'}
            return Response(f"export as {format}", headers=disposition)

        @app.get("/calls/{id}/events")
        async def events(id: str) -> EventSourceResponse:
            return EventSourceResponse(self._follow(id))

        @app.post("/calls/{id}/{what}")
        async def write(id: str, what: str) -> Response:
            if not self.writes:
                return JSONResponse({"detail": "no language model is configured"}, 409)
            self.orders.append(f"{what} {id}")
            return EventSourceResponse(self._write())

        @app.websocket("/calls/{id}/audio")
        async def audio(socket: WebSocket, channel: str) -> None:
            await socket.accept()
            cut = self.cut
            self.sound.setdefault(channel, b"")
            try:
                while self.cut == cut:
                    message = await socket.receive()
                    if message["type"] == "websocket.disconnect" or message.get("text") == END:
                        break
                    self.sound[channel] += message["bytes"]
                await socket.close(1000 if self.cut == cut else 1012)
            except (WebSocketDisconnect, RuntimeError):
                return

        return app

    async def _follow(self, id: str) -> AsyncIterator[ServerSentEvent]:
        told, cut = 0, self.cut
        while self.cut == cut:
            for of, event in self.events[told:]:
                told += 1
                if of == id:
                    yield ServerSentEvent(data=json.dumps(event))
            await asyncio.sleep(0.02)

    async def _write(self) -> AsyncIterator[ServerSentEvent]:
        for piece in self.writes:
            yield ServerSentEvent(data=json.dumps({"text": piece}))
            await asyncio.sleep(0.02)
        if self.write_problem:
            yield ServerSentEvent(event="problem", data=json.dumps({"detail": self.write_problem}))
            return
        yield ServerSentEvent(event="done", data="{}")
