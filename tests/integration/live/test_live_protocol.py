"""The protocol of live at its edges, against the running service."""

from __future__ import annotations

import json
import random
import socket as sockets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.speech.guards import plain
from app.speech.sound import to_pcm
from app.speech.types import Samples
from tests.stack import Stack, wait_for

WITHIN = 60.0
FRAME = 4096
DROPPED = 2000
GROWTH_MB = 200
"""Two decoders of PocketSphinx, which happen to be there or not."""
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: live\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def opened(live: Stack, query: str = "", **options: Any) -> ClientConnection:
    """A connection that has said nothing yet."""
    address = f"ws://127.0.0.1:{live.settings.live_port}/{query}"
    socket: ClientConnection = connect(address, proxy=None, **options)
    return socket


def told(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    return dict(json.loads(socket.recv(timeout=WITHIN)))


@contextmanager
def greeted(live: Stack, **wishes: Any) -> Iterator[ClientConnection]:
    """A connection that has sent its first message."""
    with opened(live) as socket:
        socket.send(json.dumps({"uid": "me", "language": "en", **wishes}))
        yield socket


def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the close."""
    messages = []
    try:
        while True:
            messages.append(told(socket))
    except ConnectionClosed:
        return messages


def clients(live: Stack) -> int:
    """How many clients /health counts."""
    address = f"http://127.0.0.1:{live.settings.live_port}/health"
    return int(httpx.get(address, timeout=20.0, trust_env=False).json()["clients"])


def nobody_left(live: Stack) -> None:
    """Waits until every place is free again."""
    wait_for("all places free", lambda: clients(live) == 0, WITHIN)


def test_int16_with_words_and_the_tail_is_told_before_the_close(live: Stack, speech: Samples) -> None:
    with greeted(live, audio_format="int16", word_timestamps=True) as socket:
        assert told(socket) == {"uid": "me", "message": "SERVER_READY", "backend": "faster_whisper"}
        sound = speech[: speech.size - 16_000]
        for start in range(0, sound.size, FRAME):
            socket.send(to_pcm(sound[start : start + FRAME]))
        socket.send("END_OF_AUDIO")
        messages = rest(socket)
        assert socket.close_code == 1000
    last = messages[-1]["segments"]
    assert [each["completed"] for each in last] == [True, True]
    assert plain(last[-1]["text"]).endswith(" mountains")
    assert [word["word"] for word in last[-1]["words"]][-1].startswith(" mountains")
    nobody_left(live)


def test_who_comes_when_all_places_are_taken_is_told_how_long_to_wait(live: Stack) -> None:
    with greeted(live) as one, greeted(live) as other:
        assert told(one)["message"] == told(other)["message"] == "SERVER_READY"
        with greeted(live) as third:
            answer = rest(third)
        assert answer[0]["status"] == "WAIT"
        assert 0 < answer[0]["message"] <= 60
    nobody_left(live)


@pytest.mark.parametrize("first", ["{", "[]", "{}", b"\x00\x01", '{"uid": "me", "language": "zz"}'])
def test_a_wrong_first_message_gets_an_error_in_words(live: Stack, first: str | bytes) -> None:
    with opened(live) as socket:
        socket.send(first)
        answer = rest(socket)
    assert [each["status"] for each in answer] == ["ERROR"]
    assert len(answer[0]["message"]) > 10


@pytest.mark.parametrize("frame", ["hello", b"123"])
def test_a_wrong_frame_gets_an_error_and_the_place_is_free_again(live: Stack, frame: str | bytes) -> None:
    with greeted(live) as socket:
        assert told(socket)["message"] == "SERVER_READY"
        socket.send(frame)
        assert rest(socket)[-1]["status"] == "ERROR"
    nobody_left(live)


def test_random_frames_neither_end_the_service_nor_keep_a_place(live: Stack) -> None:
    numbers = random.Random(5)
    for _ in range(12):
        with greeted(live) as socket:
            told(socket)
            try:
                for _ in range(10):
                    socket.send(numbers.randbytes(numbers.choice([0, 4, 400, 16_384, 16_385])))
            except ConnectionClosed:
                continue
    nobody_left(live)


def test_a_frame_of_two_megabytes_ends_only_its_own_connection(live: Stack) -> None:
    with greeted(live) as socket:
        told(socket)
        socket.send(b"\0" * (2 << 20))
        rest(socket)
        assert socket.close_code == 1009
    nobody_left(live)


def masked(opcode: int, data: bytes) -> bytes:
    """A frame as a client sends it, under a mask of zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
    return bytes([0x80 | opcode]) + size + bytes(4) + data


@pytest.mark.thorough
def test_thousands_of_connections_that_are_dropped_leave_memory_flat_and_others_served(
    live: Stack, speech: Samples
) -> None:
    process = psutil.Process(live.processes["live"].pid)
    hello = masked(1, json.dumps({"uid": "gone", "language": "en"}).encode())
    said = (b"", hello, hello + masked(2, speech[:FRAME].tobytes()), bytes(range(256)))

    def drop(count: int) -> float:
        for number in range(count):
            with sockets.create_connection(("127.0.0.1", live.settings.live_port)) as raw:
                raw.sendall(HANDSHAKE)
                assert raw.recv(1000).startswith(b"HTTP/1.1 101")
                raw.sendall(said[number % len(said)])
        nobody_left(live)
        return process.memory_info().rss / 1e6

    before = drop(DROPPED // 4)
    assert drop(DROPPED) - before < GROWTH_MB
    with greeted(live) as socket:
        assert told(socket)["message"] == "SERVER_READY"
        socket.send(speech.tobytes()[: 1 << 19])
        socket.send("END_OF_AUDIO")
        assert rest(socket)[-1]["segments"][-1]["completed"]
    nobody_left(live)


def test_a_client_that_falls_silent_on_the_line_loses_its_place(live: Stack) -> None:
    with sockets.create_connection(("127.0.0.1", live.settings.live_port)) as raw:
        raw.sendall(HANDSHAKE)
        assert raw.recv(1000).endswith(b"\r\n\r\n")
        raw.sendall(masked(1, json.dumps({"uid": "dead", "language": "en"}).encode()))
        wait_for("its place taken", lambda: clients(live) == 1, WITHIN)
        # It never answers a ping, as a machine that has lost its power.
        nobody_left(live)


def test_what_is_said_is_told_before_the_time_is_over_and_keys_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory, speech: Samples
) -> None:
    extra = {"LIVE_MAX_CONNECTION_TIME": "4", "API_KEYS": "secret"}
    with Stack(tmp_path_factory.mktemp("short"), ("live",), extra) as short:
        with pytest.raises(InvalidStatus) as refused, opened(short, "?token=wrong"):
            pass
        assert refused.value.response.status_code == 401
        with opened(short, additional_headers={"Authorization": "Bearer secret"}) as socket:
            assert socket.subprotocol is None
        with opened(short, subprotocols=["bearer", "secret"]) as socket:
            assert socket.subprotocol == "bearer"
        with opened(short, "?token=secret") as socket:
            socket.send(json.dumps({"uid": "me"}))
            for start in range(0, speech.size, FRAME):
                socket.send(speech[start : start + FRAME].tobytes())
            messages = rest(socket)
        assert messages[-1]["message"] == "DISCONNECT"
        assert messages[-2]["segments"][-1]["completed"]
        assert "token=secret" not in short.logs()
