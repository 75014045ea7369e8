"""Connections that get nowhere end, and those that do are left alone."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from starlette.responses import Response, StreamingResponse

from app.serving import connections
from tests.browser.servers import serving
from tests.stack import free_port

WITHIN = 30.0
HALF_A_HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Half:"
HALF_A_BODY = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
ENDLESS = b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Service:
    """A service that says what becomes of its requests."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.working = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/health")
        async def health() -> dict[str, str]:
            return {"status": "ok"}

        @app.get("/slow")
        async def slow() -> str:
            self.working.release()
            while not self.go_on.is_set():
                await asyncio.sleep(0.01)
            return "done"

        @app.post("/upload")
        async def upload(request: Request) -> Response:
            try:
                return Response(await request.body())
            finally:
                self.ended.release()

        @app.get("/endless")
        async def endless() -> Response:
            return StreamingResponse(self._endless())

        @app.websocket("/socket")
        async def talk(socket: WebSocket) -> None:
            await socket.accept()
            try:
                while True:
                    await socket.send_bytes(b"x" * (1 << 20))
            except WebSocketDisconnect:
                pass
            finally:
                self.ended.release()

        return app

    async def _endless(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * (1 << 20)
                await asyncio.sleep(0)
        finally:
            self.ended.release()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def port(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where it is served, by a server with little patience."""
    monkeypatch.setattr(connections, "LOOK_EVERY", 0.05)
    for name in ("HEAD_WITHIN", "BODY_SILENCE", "TAKEN_WITHIN"):
        monkeypatch.setattr(connections, name, 0.5)
    port = free_port()
    with serving(service.app(), port):
        yield port


@contextmanager
def connected(port: int, said: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), WITHIN) as connection:
        connection.sendall(said)
        yield connection


def is_closed(connection: socket.socket) -> bool:
    """Waits until the server ends the connection without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", HALF_A_HEAD, HALF_A_BODY])
def test_who_is_silent_before_its_request_is_there_is_left(port: int, said: bytes) -> None:
    with connected(port, said) as connection:
        assert is_closed(connection)


def test_a_head_that_comes_letter_by_letter_is_not_waited_for_for_ever(port: int) -> None:
    with connected(port, HALF_A_HEAD) as slow:
        slow.settimeout(0.05)
        assert any(is_closed_after(slow, b"x") for _ in range(int(WITHIN / 0.05)))


def is_closed_after(connection: socket.socket, letter: bytes) -> bool:
    """Whether the server has ended the connection; it is sent one letter more."""
    try:
        connection.sendall(letter)
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except (ConnectionResetError, BrokenPipeError):
        return True


def test_what_waits_for_the_rest_of_a_body_is_told_that_none_comes(port: int, service: Service) -> None:
    with connected(port, HALF_A_BODY):
        assert service.ended.acquire(timeout=WITHIN)


def test_who_waits_for_an_answer_is_not_left_however_long_it_takes(port: int, service: Service) -> None:
    with connected(port, SLOW) as waiting, connected(port) as silent:
        assert is_closed(silent)
        service.go_on.set()
        assert waiting.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("said", [ENDLESS, UPGRADE])
def test_who_takes_nothing_of_an_answer_is_left(port: int, service: Service, said: bytes) -> None:
    with connected(port, said) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert connection.recv(8) == b"HTTP/1.1"
        assert service.ended.acquire(timeout=WITHIN)


def test_who_takes_an_answer_is_not_left_while_it_lasts(port: int) -> None:
    with connected(port, ENDLESS) as reading, connected(port) as silent:
        silent.setblocking(False)
        while True:
            assert reading.recv(1 << 16)
            try:
                assert silent.recv(1) == b""
                break
            except BlockingIOError:
                continue
        assert reading.recv(1 << 16)


def test_where_there_are_too_many_the_one_that_said_nothing_for_longest_makes_room(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda _: 8)
    monkeypatch.setattr(connections, "HEAD_WITHIN", 600.0)
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(port, HALF_A_HEAD)) for _ in range(8)]
        for oldest in silent[:3]:
            stack.enter_context(connected(port, HALF_A_HEAD))
            assert is_closed(oldest)
        assert httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
        silent[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            silent[-1].recv(1)


def test_where_all_are_being_answered_a_newcomer_is_told_to_come_again(
    port: int, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda _: 4)
    with ExitStack() as stack:
        asked = [stack.enter_context(connected(port, SLOW)) for _ in range(4)]
        for _ in asked:
            assert service.working.acquire(timeout=WITHIN)
        answer = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        service.go_on.set()
        assert [each.recv(15) for each in asked] == [b"HTTP/1.1 200 OK"] * 4


def test_a_process_takes_the_descriptors_that_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = (256, 4096)
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    taken: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: taken.append(wanted))
    assert connections.most_connections() == 128
    assert connections.most_connections(64) == 64
    connections.raise_descriptors()
    assert taken == [(4096, 4096)]
