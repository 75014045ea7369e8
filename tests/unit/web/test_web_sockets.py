"""The console's WebSocket proxies before a real server (LIV-1, LIV-5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Request, Response

from app.settings import load
from app.web import sockets
from app.web.service import create
from app.web.sockets import MAX_FRAME_UP, MAX_REASON_BYTES, sendable, shorten
from tests.browser.servers import serving
from tests.stack import free_port

pytestmark = pytest.mark.anyio
WITHIN = 20.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Behind:
    """A WebSocket server that notes who came and does what the path says."""

    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    closes: asyncio.Queue[tuple[int | None, str | None]] = field(default_factory=asyncio.Queue)
    taken: int = 0

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.seen.append((connection.request.path, dict(connection.request.headers.raw_items())))
        if connection.request.path.startswith("/calls/closing/"):
            await connection.close(4321, "the call has ended")
        elif connection.request.path.startswith("/calls/stuck/"):
            await connection.wait_closed()
        else:
            with suppress(ConnectionClosed):
                async for frame in connection:
                    self.taken += len(frame)
                    await connection.send(frame)
        self.closes.put_nowait((connection.close_code, connection.close_reason))

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        for status in (401, 404, 500, 503):
            if request.path.startswith(f"/calls/{status}/"):
                return connection.respond(status, "no")
        return None


@asynccontextmanager
async def console(**more: str) -> AsyncIterator[tuple[Behind, str]]:
    """The real web service; live and sales are one server that notes what it sees. Gives its address."""
    behind, port = Behind(), free_port()
    settings = load({"LIVE_PORT": str(port), "SALES_URL": f"http://127.0.0.1:{port}"} | more)
    server = await serve(
        behind.serve, "127.0.0.1", port, process_request=behind.refuse, max_queue=1, close_timeout=0.2
    )
    async with server:
        with serving(create(settings), free_port()) as address:
            yield behind, address.replace("http", "ws", 1)


async def closed(address: str, **options: str) -> Close:
    """How a connection is ended from the other side."""
    async with asyncio.timeout(WITHIN), connect(address, proxy=None, **options) as socket:  # type: ignore[arg-type]
        return await ending(socket)


async def ending(socket: ClientConnection) -> Close:
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as error:
        return error.rcvd or Close(1006, "")


async def test_texts_and_sound_go_both_ways_unchanged() -> None:
    async with console() as (behind, address), connect(f"{address}/api/live", proxy=None) as socket:
        for frame in ('{"uid":"a"}', b"\x00\x01" * 1600, "END_OF_AUDIO", b""):
            await socket.send(frame)
            assert await asyncio.wait_for(socket.recv(), WITHIN) == frame
        assert behind.seen[0][0] == "/"


async def test_path_and_query_of_a_call_arrive_and_no_cookie_does() -> None:
    async with console() as (behind, address):
        target = f"{address}/api/sales/calls/a%20b/audio?channel=seller&format=int16&rate=16000"
        async with connect(target, proxy=None, additional_headers={"Cookie": "a=b"}) as socket:
            await socket.send("x")
            await asyncio.wait_for(socket.recv(), WITHIN)
        path, headers = behind.seen[0]
        assert path == "/calls/a%20b/audio?channel=seller&format=int16&rate=16000"
        assert not {"cookie", "origin"} & {name.lower() for name in headers}


async def test_another_sites_page_gets_no_connection() -> None:
    async with console() as (behind, address):
        for origin in ("https://evil.example", "null"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{address}/api/live", proxy=None, origin=origin)  # type: ignore[arg-type]
            assert refused.value.response.status_code == 403
        assert behind.seen == []


async def test_this_page_and_programs_get_one() -> None:
    async with console() as (_, address):
        own = address.replace("ws", "http", 1)
        async with connect(f"{address}/api/live", proxy=None, origin=own) as socket:  # type: ignore[arg-type]
            await socket.send("x")
            assert await asyncio.wait_for(socket.recv(), WITHIN) == "x"


@pytest.mark.parametrize(
    "path",
    [
        "sales/calls",
        "sales/metrics",
        "sales/calls/a/audio/x",
        "sales/calls/%2e%2e/audio",
        "sales/calls//audio",
    ],
)
async def test_addresses_that_are_not_for_the_page_never_leave_the_console(path: str) -> None:
    async with console() as (behind, address):
        with pytest.raises(InvalidStatus):
            await connect(f"{address}/api/{path}", proxy=None)
        assert behind.seen == []


async def test_how_the_service_closes_reaches_the_page() -> None:
    async with console() as (_, address):
        assert await closed(f"{address}/api/sales/calls/closing/audio") == Close(4321, "the call has ended")


async def test_how_the_page_closes_reaches_the_service() -> None:
    async with console() as (behind, address):
        async with connect(f"{address}/api/live", proxy=None) as socket:
            await socket.close(4001, "enough")
        assert await asyncio.wait_for(behind.closes.get(), WITHIN) == (4001, "enough")


async def test_a_page_that_vanishes_frees_the_service() -> None:
    async with console() as (behind, address):
        socket = await connect(f"{address}/api/live", proxy=None)
        await socket.send("x")
        await socket.recv()
        socket.transport.abort()
        await asyncio.wait_for(behind.closes.get(), WITHIN)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, 1008, "API_KEYS"),
        (404, 1008, "no such address"),
        (500, 1014, "500"),
        (503, 1013, "no free place"),
    ],
)
async def test_a_handshake_that_the_service_refuses_is_told_in_words(
    status: int, code: int, words: str
) -> None:
    async with console() as (_, address):
        ended = await closed(f"{address}/api/sales/calls/{status}/audio")
        assert ended.code == code
        assert words in ended.reason


async def test_a_service_that_does_not_run_is_a_bad_gateway_with_its_name() -> None:
    with serving(create(load({"LIVE_PORT": str(free_port())})), free_port()) as address:
        ended = await closed(f"{address.replace('http', 'ws', 1)}/api/live")
        assert ended == Close(1014, "live transcription cannot be reached")


async def test_the_console_sends_its_key_to_live_and_nothing_else() -> None:
    async with console(API_KEYS="first,second") as (behind, address):
        async with connect(f"{address}/api/live", proxy=None) as socket:
            await socket.send("x")
            await socket.recv()
        headers = {name.lower(): value for name, value in behind.seen[0][1].items()}
        assert headers["authorization"] == "Bearer first"


async def test_a_frame_that_is_too_large_ends_the_connection_saying_so() -> None:
    async with console() as (behind, address), connect(f"{address}/api/live", proxy=None) as socket:
        await socket.send(b"x" * (MAX_FRAME_UP + 1))
        async with asyncio.timeout(WITHIN):
            ended = await ending(socket)
        assert (ended.code, str(MAX_FRAME_UP) in ended.reason) == (1009, True)
        assert behind.taken == 0


async def test_a_service_that_takes_nothing_holds_the_page_back_and_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "TAKEN_WITHIN", 1.5)
    async with console() as (_, address):
        target = f"{address}/api/sales/calls/stuck/audio"
        socket = await connect(target, proxy=None, compression=None)
        assert await sent_until_held_back(socket) < 64 << 20
        async with asyncio.timeout(WITHIN):
            ended = await ending(socket)
        assert (ended.code, ended.reason) == (1013, "sales service takes nothing more: it is too busy")


async def sent_until_held_back(socket: ClientConnection) -> int:
    """How many bytes a connection takes before it makes its sender wait; a gigabyte is no wait at all."""
    sent, frame = 0, b"x" * (128 << 10)
    try:
        while sent < 1 << 30:
            await asyncio.wait_for(socket.send(frame), 0.5)
            sent += len(frame)
    except TimeoutError:
        return sent
    return sent


@given(st.integers(0, 6000))
def test_every_close_code_that_is_passed_on_may_stand_on_the_wire(code: int) -> None:
    Close(sendable(code), "").check()


@given(st.text())
def test_every_reason_fits_into_a_close_frame(reason: str) -> None:
    assert len(shorten(reason).encode()) <= MAX_REASON_BYTES
    assert reason.startswith(shorten(reason))
