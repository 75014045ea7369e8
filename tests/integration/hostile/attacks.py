"""What hostile clients do to a port. Each is a context manager: the attack stands while its block runs."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

Attack = Callable[[int], AbstractContextManager[None]]

HOST = b"Host: 127.0.0.1\r\n"
MANY = 300
SOME = 40
FEW = 4
"""So many where each has work done: whether they hold services up is tried, not what two processors do."""
PACE = 0.02
LITTLE_ROOM = 4096
CONNECTED_WITHIN = 2.0
MEBIBYTE = 1 << 20


def more_descriptors() -> None:
    """Lets this process open as many sockets as attacks take."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def connections(port: int, count: int, first: bytes = b"") -> Iterator[None]:
    """That many connections to a port, each of which has sent `first` and reads nothing."""
    with ExitStack() as held:
        for _ in range(count):
            # A server that takes no more has answered the attack already.
            with contextlib.suppress(OSError):
                one = held.enter_context(socket.socket())
                # Little room for what is not read, so that a server soon has to wait.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE_ROOM)
                one.settimeout(CONNECTED_WITHIN)
                one.connect(("127.0.0.1", port))
                one.sendall(first)
        yield


@contextmanager
def silent_sockets(port: int) -> Iterator[None]:
    """Connections that never say anything."""
    with connections(port, MANY):
        yield


@contextmanager
def half_headers(port: int) -> Iterator[None]:
    """Requests whose headers never end."""
    with connections(port, MANY, b"GET /health HTTP/1.1\r\n" + HOST + b"X-Slow: "):
        yield


@contextmanager
def bodies_that_never_come(port: int) -> Iterator[None]:
    """Requests that announce a large body and send none of it."""
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\n" + HOST
    head += b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000000\r\n\r\n"
    with connections(port, SOME, head):
        yield


@contextmanager
def readers_that_stall(port: int) -> Iterator[None]:
    """Clients that ask for much, in one go, and read nothing of it."""
    asked = (b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n") * 20
    with connections(port, FEW, asked):
        yield


@contextmanager
def lying_headers(port: int) -> Iterator[None]:
    """Requests that no two servers read alike, headers without bounds, and what is no request at all."""
    post = b"POST /health HTTP/1.1\r\n" + HOST
    lies = (
        b"POST /health HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
        post + b"Content-Length: -1\r\n\r\n",
        post + b"Content-Length: 99999999999999999999999\r\n\r\nx",
        post + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nx",
        b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n",
        b"GET /" + b"a" * MEBIBYTE + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /health HTTP/1.1\r\n" + HOST + b"X: " + b"a" * MEBIBYTE + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + HOST + b"X-Null: \0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        os.urandom(4096),
    )
    with ExitStack() as held:
        for lie in lies * 2:
            held.enter_context(connections(port, 1, lie))
        yield


@contextmanager
def upgrades_without_end(port: int) -> Iterator[None]:
    """WebSocket handshakes that never greet, at the addresses where services have one."""
    with ExitStack() as held:
        for path in (b"/", b"/sts", b"/calls/x/sound", b"/api/live"):
            head = b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            head += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            held.enter_context(connections(port, FEW, head))
        yield


@contextmanager
def connecting_and_leaving(port: int) -> Iterator[None]:
    """Connections that are dropped as soon as they are there, fifty a second, a thousand at most."""
    over = threading.Event()

    def churn() -> None:
        for _ in range(1000):
            if over.wait(PACE):
                return
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=CONNECTED_WITHIN) as one,
            ):
                one.sendall(b"GET /health HTTP/1.1\r\n")

    thread = threading.Thread(target=churn, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


ATTACKS: tuple[Attack, ...] = (
    silent_sockets,
    half_headers,
    bodies_that_never_come,
    readers_that_stall,
    lying_headers,
    upgrades_without_end,
    connecting_and_leaving,
)
