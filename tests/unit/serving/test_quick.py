"""What lies in memory is answered at once, as the application would; what is unusual goes the usual way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, Request, Response

from app.serving import connections
from app.serving.quick import LONGEST, Asked, Quick, read
from tests.browser.servers import serving
from tests.stack import free_port

WITHIN = 10.0
FILE = b"GET /all/news/picture-1.m4s HTTP/1.1\r\nHost: localhost:5002\r\n"
WHOLE = FILE + b"Accept: */*\r\n\r\n"
BIG = bytes(range(256)) * 40_000


class Service:
    """Serves one file; `usual` counts the answers that the application gave, `quick` those from memory."""

    def __init__(self, content: bytes = b"\0piece\r\n\r\n") -> None:
        self.content = content
        self.usual = self.quick = 0
        self.clients: list[str] = []
        self.app = FastAPI()
        self.app.state.quick = Quick("/all/", self._at_once, ["localhost"])

        @self.app.get("/all/news/{_}")
        async def watch(request: Request) -> Response:
            self.usual += 1
            self.clients.append(request.client.host if request.client else "")
            return self._response()

    def _at_once(self, asked: Asked) -> Response | None:
        if asked.target != "/all/news/picture-1.m4s":
            return None
        self.quick += 1
        self.clients.append(asked.client)
        return self._response()

    def _response(self) -> Response:
        return Response(self.content, media_type="video/mp4", headers={"cache-control": "public, max-age=9"})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def port(service: Service) -> Iterator[int]:
    port = free_port()
    with serving(service.app, port):
        yield port


class Client:
    """A connection that stays open."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.file = connection.makefile("rb")

    def say(self, data: bytes) -> None:
        """Sends that as it is."""
        self.connection.sendall(data)

    def answer(self) -> tuple[bytes, dict[bytes, bytes], bytes]:
        """The next answer: its first line, its headers, its body."""
        first, headers = self.file.readline().strip(), {}
        while line := self.file.readline().strip():
            name, _, value = line.partition(b": ")
            headers[name] = value
        return first, headers, self.file.read(int(headers.get(b"content-length", b"0")))

    def ask(self, data: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
        """Sends that and waits for the answer."""
        self.say(data)
        return self.answer()


@contextmanager
def connected(port: int) -> Iterator[Client]:
    with socket.create_connection(("127.0.0.1", port), WITHIN) as connection:
        yield Client(connection)


def test_an_answer_at_once_is_what_the_application_answers(service: Service, port: int) -> None:
    with connected(port) as client:
        answers = [client.ask(WHOLE), client.ask(FILE + b"Expect: nothing\r\n\r\n"), client.ask(WHOLE)]
    for _, headers, _ in answers:
        headers.pop(b"date")
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == b"HTTP/1.1 200 OK"
    assert answers[0][2] == service.content
    assert (service.quick, service.usual) == (2, 1)


@pytest.mark.parametrize(
    "forwarded",
    ["8.8.8.8", "1.1.1.1, 8.8.8.8", "8.8.8.8, 127.0.0.1", "8.8.8.8:4711", "[2001:db8::1]:9", "nobody", ""],
)
def test_who_asks_is_told_alike_whatever_a_proxy_says(service: Service, port: int, forwarded: str) -> None:
    """The proxy on this machine is believed, as uvicorn believes it; somebody before it is not."""
    asked = FILE + f"X-Forwarded-For: {forwarded}\r\n".encode()
    with connected(port) as client:
        client.ask(asked + b"\r\n")
        client.ask(asked + b"Expect: nothing\r\n\r\n")
    assert (service.quick, service.usual) == (1, 1)
    assert service.clients[0] == service.clients[1]
    assert service.clients[0] in ("8.8.8.8", "2001:db8::1", "nobody", "127.0.0.1")


def test_requests_that_come_in_parts_or_together_are_answered_in_their_order(
    service: Service, port: int
) -> None:
    other = WHOLE.replace(b"picture-1", b"picture-2")
    with connected(port) as client:
        assert client.ask(WHOLE)[0] == b"HTTP/1.1 200 OK"
        client.say(WHOLE[:40])
        client.say(WHOLE[40:])
        assert client.answer()[2] == service.content
        client.say(other + WHOLE + other)
        assert [client.answer()[2] for _ in range(3)] == [service.content] * 3
        assert client.ask(WHOLE)[2] == service.content
    assert service.quick >= 2


def test_what_a_client_leaves_lying_does_not_grow_with_every_request() -> None:
    """Until it takes its answer, what else it asks waits in its own connection."""
    service = Service(BIG)
    port = free_port()
    with serving(service.app, port), connected(port) as client:
        client.connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.say(WHOLE * 100_000)
        assert service.quick + service.usual < 5
        client.connection.settimeout(WITHIN)
        assert client.answer()[2] == BIG


def test_who_has_had_an_answer_and_is_silent_is_left(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.5)
    port = free_port()
    with serving(service.app, port), connected(port) as client:
        assert client.ask(WHOLE)[0] == b"HTTP/1.1 200 OK"
        assert client.file.read(1) == b""


@pytest.mark.parametrize(
    "data",
    [
        WHOLE[:-2],
        WHOLE + b"x",
        WHOLE + WHOLE,
        WHOLE.replace(b"GET", b"HEAD"),
        WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        WHOLE.replace(b"\r\n", b"\n"),
        WHOLE.replace(b"/all/", b" /all/"),
        b"GET /all/news/index.m3u8 HTTP/1.1\r\nAccept: */*\r\n\r\n",
        FILE + b"Host: localhost\r\n\r\n",
        FILE + b"Connection: close\r\n\r\n",
        FILE + b"Connection: Upgrade\r\n\r\n",
        FILE + b"Content-Length: 0\r\n\r\n",
        FILE + b"content-length : 5\r\n\r\n",
        FILE + b"Transfer-Encoding: chunked\r\n\r\n",
        FILE + b"Expect: 100-continue\r\n\r\n",
        FILE + b"Upgrade: h2c\r\n\r\n",
        FILE + b"X-Folded: a\r\n b\r\n\r\n",
        FILE + b"X-Bare: a\rb\r\n\r\n",
        FILE + b"X-Other: \xe9\r\n\r\n",
        FILE + b"X-Null: \0\r\n\r\n",
        FILE + b": empty\r\n\r\n",
        FILE + b"X-Long: " + b"x" * LONGEST + b"\r\n\r\n",
    ],
)
def test_what_is_unusual_goes_the_usual_way(data: bytes) -> None:
    assert read(data) is None


def test_an_ordinary_request_is_read() -> None:
    asked = read(FILE + b"Origin:https://page.example\r\nConnection: keep-alive\r\n\r\n")
    assert asked is not None
    assert asked.target == "/all/news/picture-1.m4s"
    assert asked.headers[b"origin"] == b"https://page.example"


@pytest.mark.parametrize("host", [b"evil.example", b"", b"localhost.evil.example"])
def test_other_hosts_names_are_not_answered_at_once(service: Service, host: bytes) -> None:
    quick = service.app.state.quick
    assert quick.answer(WHOLE, [], str) is not None
    assert quick.answer(WHOLE.replace(b"localhost:5002", host), [], str) is None
