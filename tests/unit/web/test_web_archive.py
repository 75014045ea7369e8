"""What the console passes on to the archive: its addresses, files in parts, and nothing else (TRN-1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from app.settings import load
from app.web import proxy
from app.web.service import create
from app.web.upstreams import WHOLE_TEXT, is_archive
from tests.browser.servers import serving, wait_until
from tests.stack import free_port

MEBIBYTE = 1 << 20
KEY = "the key of the operator"


@dataclass
class Archive:
    """What arrives where api would be."""

    headers: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    received: int = 0
    begun: threading.Event = field(default_factory=threading.Event)
    broke_off: threading.Event = field(default_factory=threading.Event)

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        def see(request: Request) -> None:
            self.headers = dict(request.headers)
            self.paths.append(request.url.path)

        @app.post("/api/v1/uploads")
        async def begin(request: Request) -> Response:
            see(request)
            return Response(
                status_code=201,
                headers={"Location": "/api/v1/uploads/1", "Tus-Resumable": "1.0.0", "x-in": "1"},
            )

        @app.head("/api/v1/uploads/1")
        async def standing(request: Request) -> Response:
            see(request)
            return Response(headers={"Upload-Offset": "7", "Upload-Length": "9"})

        @app.patch("/api/v1/uploads/1")
        async def part(request: Request) -> Response:
            see(request)
            self.received = 0
            try:
                async for chunk in request.stream():
                    self.received += len(chunk)
                    self.begun.set()
            except ClientDisconnect:
                self.broke_off.set()
            return Response(status_code=204, headers={"Upload-Offset": str(self.received)})

        @app.patch("/api/v1/uploads/2")
        async def refused() -> Response:
            return JSONResponse({"detail": "7 bytes are here"}, 409, {"Upload-Offset": "7"})

        @app.api_route("/{path:path}", methods=["GET", "POST", "PATCH", "DELETE", "OPTIONS"])
        async def anything(request: Request) -> Response:
            see(request)
            return JSONResponse({"bytes": len(await request.body())})

        return app


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Archive, httpx.Client]]:
    archive, port = Archive(), free_port()
    settings = load({"API_PORT": str(port), "API_KEYS": KEY})
    with (
        serving(archive.app(), port),
        serving(create(settings), free_port()) as address,
        httpx.Client(base_url=f"{address}/api/archive", trust_env=False, timeout=10) as client,
    ):
        yield archive, client


def test_a_large_part_is_written_on_while_it_still_arrives(servers: tuple[Archive, httpx.Client]) -> None:
    archive, console = servers
    archive.begun.clear()
    seen_early = []

    def body() -> Iterator[bytes]:
        yield b"x" * MEBIBYTE
        seen_early.append(archive.begun.wait(5))
        for _ in range(7):
            yield b"x" * MEBIBYTE

    headers = {
        "content-length": str(8 * MEBIBYTE),
        "content-type": "application/offset+octet-stream",
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "authorization": "Bearer the browser's",
        "x-other": "1",
    }
    answer = console.patch("/uploads/1", content=body(), headers=headers)
    assert answer.status_code == 204
    assert answer.headers["upload-offset"] == str(8 * MEBIBYTE)
    assert seen_early == [True]
    assert archive.headers["upload-offset"] == "0"
    assert archive.headers["content-length"] == str(8 * MEBIBYTE)
    assert archive.headers["authorization"] == f"Bearer {KEY}"
    assert "x-other" not in archive.headers


def test_a_part_that_breaks_off_breaks_off_behind_too(servers: tuple[Archive, httpx.Client]) -> None:
    archive, console = servers
    archive.broke_off.clear()

    def body() -> Iterator[bytes]:
        yield b"x" * MEBIBYTE
        raise ConnectionError

    with pytest.raises(ConnectionError):
        console.patch("/uploads/1", content=body(), headers={"content-length": str(8 * MEBIBYTE)})
    wait_until(archive.broke_off.is_set, "the archive learned of it")
    assert archive.received <= MEBIBYTE
    assert console.get("/transcripts").status_code == 200


def test_a_part_that_is_refused_before_it_was_read_is_answered(servers: tuple[Archive, httpx.Client]) -> None:
    _, console = servers
    answer = console.patch("/uploads/2", content=b"x" * (8 * MEBIBYTE))
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "7")
    assert answer.json() == {"detail": "7 bytes are here"}


def test_parts_leave_connections_for_others(
    servers: tuple[Archive, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, console = servers
    monkeypatch.setattr(proxy, "MAX_STREAMS", 0)
    refused = console.patch("/uploads/1", content=b"x")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert console.get("/transcripts").status_code == 200


def test_an_upload_begins_at_an_address_of_the_console(servers: tuple[Archive, httpx.Client]) -> None:
    archive, console = servers
    sent = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": "filename YQ=="}
    answer = console.post("/uploads", headers=sent)
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/archive/uploads/1")
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert "x-in" not in answer.headers
    assert {name: archive.headers[name.lower()] for name in sent} == sent
    standing = console.head("/uploads/1")
    assert (standing.headers["upload-offset"], standing.headers["upload-length"]) == ("7", "9")
    assert console.options("/uploads").status_code == 200


def test_only_parts_may_be_large(servers: tuple[Archive, httpx.Client]) -> None:
    _, console = servers
    assert console.post("/transcripts/1/edits", content=b"x" * WHOLE_TEXT).json() == {"bytes": WHOLE_TEXT}
    assert console.post("/transcripts/1/edits", content=b"x" * (WHOLE_TEXT + 1)).status_code == 413
    assert console.put("/transcripts/1", content=b"{}").status_code == 405
    dubber = console.base_url.copy_with(path="/api/dubber/streams")
    assert console.patch(dubber, content=b"x").status_code == 405


@pytest.mark.parametrize(
    "path", ["transcripts", "transcripts/1/sound", "uploads/1", "search", "events", "voices/1"]
)
def test_what_is_about_uploads_is_passed_on(path: str) -> None:
    assert is_archive(path)


@pytest.mark.parametrize("path", ["docs", "metrics", "health", "openapi.json", "upload", "../metrics", ""])
def test_everything_else_of_api_is_not(servers: tuple[Archive, httpx.Client], path: str) -> None:
    archive, console = servers
    archive.paths.clear()
    assert not is_archive(path)
    assert console.get(f"/{path}").status_code in (404, 405)
    assert archive.paths == []
