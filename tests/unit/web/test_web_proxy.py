"""The console's proxies before real servers (DUB-8)."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from app.serving import connections
from app.settings import load
from app.web import proxy
from app.web.service import create
from tests.browser.servers import serving, wait_until
from tests.stack import free_port

MEBIBYTE = 1 << 20


@dataclass
class Behind:
    """What the services behind the console saw, and when one of them may go on."""

    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    listeners: int = 0
    readers: int = 0

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.seen]

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        async def see(request: Request) -> None:
            path = request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
            self.seen.append((request.method, path, dict(request.headers), await request.body()))

        @app.get("/events")
        async def events(request: Request) -> Response:
            await see(request)
            return StreamingResponse(self._events(), media_type="text/event-stream")

        @app.get("/live/locked/index.m3u8")
        async def locked(request: Request) -> Response:
            await see(request)
            if request.headers.get("authorization") == "Basic right":
                return Response("#EXTM3U", headers={"set-cookie": "one=1; Path=/"})
            challenge = (
                {} if "authorization" in request.headers else {"www-authenticate": 'Basic realm="mediamtx"'}
            )
            return Response(status_code=401, headers=challenge)

        @app.get("/live/moved/index.m3u8")
        async def moved() -> Response:
            return RedirectResponse("/live/there/index.m3u8", 301)

        @app.get("/{kind}/elsewhere/index.m3u8")
        async def elsewhere(request: Request, kind: str) -> Response:
            await see(request)
            return RedirectResponse(f"https://streaming-2.example.org/{kind}/elsewhere/index.m3u8", 307)

        @app.get("/live/endless/part1.mp4")
        async def endless() -> Response:
            return StreamingResponse(self._endless())

        @app.get("/live/big/part1.mp4")
        async def big() -> Response:
            return Response(b"x" * (3 * MEBIBYTE), headers={"access-control-allow-origin": "*"})

        @app.api_route("/{path:path}", methods=["GET", "PUT", "POST", "DELETE"])
        async def anything(request: Request) -> Response:
            await see(request)
            return JSONResponse({"ok": True}, headers={"x-secret-of-the-inside": "1"})

        return app

    async def _endless(self) -> AsyncIterator[bytes]:
        self.readers += 1
        try:
            while True:
                yield b"x" * MEBIBYTE
                await asyncio.sleep(0)
        finally:
            self.readers -= 1

    async def _events(self) -> AsyncIterator[bytes]:
        self.listeners += 1
        try:
            yield b"event: streams\ndata: 1\n\n"
            while not self.go_on.is_set():
                await asyncio.sleep(0.01)
            yield b"event: streams\ndata: 2\n\n"
            while True:
                await asyncio.sleep(0.01)
        finally:
            self.listeners -= 1


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Behind, httpx.Client]]:
    """The real web service; both services behind it are one server that notes what it sees."""
    behind = Behind()
    port = free_port()
    settings = load({"DUBBER_URL": f"http://127.0.0.1:{port}", "MEDIA_HLS_PORT": str(port)})
    with (
        serving(behind.app(), port),
        serving(create(settings), free_port()) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=10) as client,
    ):
        yield behind, client


@pytest.fixture
def behind(servers: tuple[Behind, httpx.Client]) -> Behind:
    servers[0].seen.clear()
    return servers[0]


@pytest.fixture
def console(servers: tuple[Behind, httpx.Client]) -> httpx.Client:
    return servers[1]


@pytest.fixture
def alone() -> Iterator[httpx.Client]:
    """The web service with nothing behind it."""
    ports = {
        name: str(free_port())
        for name in ("DUBBER_PORT", "MEDIA_HLS_PORT", "LIVE_PORT", "SALES_PORT", "API_PORT")
    }
    settings = load(ports)
    with (
        serving(create(settings), free_port()) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=10) as client,
    ):
        yield client


def raw(console: httpx.Client, target: str) -> int:
    """The status for a request line as it stands, which an HTTP library would tidy first."""
    with socket.create_connection((console.base_url.host, console.base_url.port or 80), 5) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return int(connection.recv(64).split()[1])


def test_events_arrive_one_by_one_and_the_dubber_learns_that_the_reader_left(
    console: httpx.Client, behind: Behind
) -> None:
    with console.stream("GET", "/api/dubber/events") as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"event: streams\ndata: 1\n\n"
        behind.go_on.set()
        assert next(chunks) == b"event: streams\ndata: 2\n\n"
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert behind.listeners == 1
    wait_until(lambda: behind.listeners == 0, "the dubber has no listener")


def test_an_order_reaches_the_dubber_with_its_body_and_without_the_viewers_password(
    console: httpx.Client, behind: Behind
) -> None:
    headers = {"authorization": "Basic abc", "cookie": "a=b", "x-forwarded-for": "1.2.3.4"}
    answer = console.post("/api/dubber/streams/match/es/bypass", json={"on": True}, headers=headers)
    assert answer.json() == {"ok": True}
    assert "x-secret-of-the-inside" not in answer.headers
    method, path, seen, body = behind.seen[0]
    assert (method, path, body) == ("POST", "/streams/match/es/bypass", b'{"on":true}')
    assert seen["content-type"] == "application/json"
    assert not {"authorization", "cookie", "x-forwarded-for"} & set(seen)


def test_names_and_queries_arrive_as_they_were_sent(console: httpx.Client, behind: Behind) -> None:
    console.get("/api/dubber/streams/a%20b%3Fc%252e/es/phrases?limit=100&x=%26")
    console.get("/hls/dub/match/es/video1_stream.m3u8?_HLS_msn=9&_HLS_part=3&_HLS_skip=YES")
    assert behind.paths == [
        "/streams/a%20b%3Fc%252e/es/phrases?limit=100&x=%26",
        "/dub/match/es/video1_stream.m3u8?_HLS_msn=9&_HLS_part=3&_HLS_skip=YES",
    ]


def test_addresses_that_are_not_for_the_page_never_leave_the_console(
    console: httpx.Client, behind: Behind
) -> None:
    targets = (
        "/api/dubber/auth",
        "/api/dubber/hooks/ready",
        "/api/dubber/metrics",
        "/api/dubber/streams/../auth",
        "/api/dubber/streams/%2e%2e/auth",
        "/api/dubber/streams/..%2fauth",
        "/api/dubber//auth",
        "/hls/live/../v3/config.mp4",
        "/hls/live/%5c..%5c/x.mp4",
        "/hls/v3/config/global/get",
        "/hls/live/match/",
        "/..%2f..%2fservice.py",
        "/%2e%2e/service.py",
        "/js/..%2f..%2f..%2fsettings.py",
    )
    assert {target: raw(console, target) for target in targets} == dict.fromkeys(targets, 404)
    assert behind.seen == []


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_other_sites_cannot_give_orders(
    console: httpx.Client, behind: Behind, headers: dict[str, str]
) -> None:
    answer = console.delete("/api/dubber/streams/match/es", headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.json()["detail"]
    assert behind.seen == []


def test_video_cannot_be_posted_and_orders_have_a_size(console: httpx.Client, behind: Behind) -> None:
    assert console.post("/hls/live/match/index.m3u8").status_code == 405
    answer = console.post("/api/dubber/streams/match/es/bypass", content=b"x" * 70_000)
    assert answer.status_code == 413
    assert behind.seen == []


def test_the_browser_is_asked_for_the_media_password_also_after_a_wrong_one(console: httpx.Client) -> None:
    asked = console.get("/hls/live/locked/index.m3u8")
    assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Basic realm="mediamtx"')
    wrong = console.get("/hls/live/locked/index.m3u8", headers={"authorization": "Basic wrong"})
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, 'Basic realm="Voicestack"')
    right = console.get("/hls/live/locked/index.m3u8", headers={"authorization": "Basic right"})
    assert (right.text, right.headers["set-cookie"]) == ("#EXTM3U", "one=1; Path=/")


def test_redirects_stay_under_the_consoles_own_address(console: httpx.Client) -> None:
    answer = console.get("/hls/live/moved/index.m3u8", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, "/hls/live/there/index.m3u8")


def test_to_another_host_whoever_watches_every_language_may_be_sent_and_nobody_else(
    console: httpx.Client, behind: Behind
) -> None:
    forged = {"x-forwarded-prefix": "/elsewhere"}
    answer = console.get("/hls/all/elsewhere/index.m3u8", headers=forged, follow_redirects=False)
    there = "https://streaming-2.example.org/all/elsewhere/index.m3u8"
    assert (answer.status_code, answer.headers["location"]) == (307, there)
    assert behind.seen[-1][2]["x-forwarded-prefix"] == "/hls"
    answer = console.get("/hls/live/elsewhere/index.m3u8", follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (307, None)


def test_a_large_piece_of_video_arrives_whole_and_for_this_origin_only(console: httpx.Client) -> None:
    answer = console.get("/hls/live/big/part1.mp4")
    assert len(answer.content) == 3 * MEBIBYTE
    assert answer.headers["content-length"] == str(3 * MEBIBYTE)
    assert "access-control-allow-origin" not in answer.headers


def test_services_that_are_out_of_reach_are_named(alone: httpx.Client) -> None:
    for path, name in (("/api/dubber/streams", "dubber"), ("/hls/live/a/index.m3u8", "media server")):
        answer = alone.get(path)
        assert answer.status_code == 502
        assert answer.json()["detail"].startswith(f"the {name} cannot be reached")
    health = alone.get("/health").json()
    assert health["status"] == "degraded"
    assert {name: check["reachable"] for name, check in health["depends_on"].items() if name != "hls.js"} == {
        "dubber": False,
        "media": False,
    }


def depends_on(console: httpx.Client) -> dict[str, bool]:
    """What the console's health tells of live and sales."""
    found = console.get("/health").json()["depends_on"]
    return {name: found[name]["reachable"] for name in ("live", "sales") if name in found}


def test_readers_who_stand_still_keep_nobody_from_the_rest_and_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxy, "MAX_STREAMS", 4)
    monkeypatch.setattr(proxy, "MAX_CONNECTIONS", 6)
    monkeypatch.setattr(connections, "LOOK_EVERY", 0.05)
    behind, port = Behind(), free_port()
    settings = load({"DUBBER_URL": f"http://127.0.0.1:{port}", "MEDIA_HLS_PORT": str(port)})
    with (
        serving(behind.app(), port),
        serving(create(settings), free_port()) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=10) as console,
        ExitStack() as stack,
    ):
        for _ in range(4):
            stack.enter_context(stands_still(console, "/hls/live/endless/part1.mp4"))
        refused = console.get("/hls/live/endless/part1.mp4")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        for path in ("/api/dubber/streams", "/hls/live/match/index.m3u8", "/", "/health"):
            assert console.get(path).status_code == 200
        monkeypatch.setattr(connections, "TAKEN_WITHIN", 0.5)
        wait_until(lambda: behind.readers == 0, "those who stood still have been left")
        assert console.get("/hls/live/big/part1.mp4").status_code == 200


@contextmanager
def stands_still(console: httpx.Client, path: str) -> Iterator[None]:
    """Someone who asks for something and reads the beginning of it."""
    with socket.create_connection((console.base_url.host, console.base_url.port or 80), 5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        yield


def test_health_tells_of_live_and_sales_from_the_first_time_they_answer() -> None:
    port = free_port()
    settings = load({"LIVE_PORT": str(port), "SALES_PORT": str(free_port())})
    with (
        serving(create(settings), free_port()) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=10) as console,
    ):
        assert depends_on(console) == {}
        with serving(Behind().app(), port):
            assert depends_on(console) == {"live": True}
        assert depends_on(console) == {"live": False}


def test_health_misses_live_and_sales_where_they_are_configured() -> None:
    settings = load(
        {
            "WHISPER_HOST": "127.0.0.1",
            "LIVE_PORT": str(free_port()),
            "SALES_URL": f"http://127.0.0.1:{free_port()}",
        }
    )
    with (
        serving(create(settings), free_port()) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=10) as console,
    ):
        assert depends_on(console) == {"live": False, "sales": False}


def test_of_live_the_console_shows_its_health_alone(alone: httpx.Client) -> None:
    assert alone.get("/api/live/metrics").status_code == 404
    assert alone.post("/api/live/health").status_code == 405
    answer = alone.get("/api/live/health")
    assert (answer.status_code, answer.json()["detail"].split(" (")[0]) == (
        502,
        "the live transcription cannot be reached",
    )
