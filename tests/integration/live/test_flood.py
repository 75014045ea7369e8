"""Clients that send as fast as they can hold up neither the service nor each other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.live.inlet import MOST_FRAME
from app.speech.types import Samples
from tests.stack import Stack

CLIENTS = 8
WITHIN = 60.0
HEALTH_WITHIN = 1.0
ASKED = 10
FRAME = np.random.default_rng(5).normal(0, 0.2, MOST_FRAME // 4).astype("<f4").tobytes()
"""Noise, which the gate looks at and lets nothing of through."""
FRAMES = 30


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """live with a place more than the flood takes."""
    extra = {"LIVE_MAX_CLIENTS": str(CLIENTS + 1)}
    with Stack(tmp_path_factory.mktemp("flood"), ("live",), extra) as running:
        yield running


def opened(live: Stack) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{live.settings.live_port}/", proxy=None, compression=None)


def greet(socket: ClientConnection, uid: str) -> None:
    socket.send(json.dumps({"uid": uid, "language": "en", "audio_format": "float32"}))
    assert json.loads(socket.recv(WITHIN))["message"] == "SERVER_READY"


def flood(socket: ClientConnection) -> None:
    """Sends without regard for what comes back."""
    try:
        for _ in range(FRAMES):
            socket.send(FRAME)
    except ConnectionClosed:
        return


@pytest.mark.thorough
def test_health_answers_and_others_are_heard_while_eight_clients_send_noise_as_fast_as_they_can(
    live: Stack, speech: Samples
) -> None:
    health = f"http://127.0.0.1:{live.settings.live_port}/health"
    with ExitStack() as opens:
        sockets = [opens.enter_context(opened(live)) for _ in range(CLIENTS)]
        for number, socket in enumerate(sockets):
            greet(socket, str(number))
        senders = [threading.Thread(target=flood, args=(socket,)) for socket in sockets]
        for each in senders:
            each.start()
        for _ in range(ASKED):
            assert httpx.get(health, timeout=HEALTH_WITHIN, trust_env=False).json()["status"] == "ok"
        with opened(live) as socket:
            greet(socket, "quiet")
            for start in range(0, speech.size, 4096):
                socket.send(speech[start : start + 4096].tobytes())
            socket.send("END_OF_AUDIO")
            told = [json.loads(message) for message in socket]
        assert told[-1]["segments"][-1]["completed"]
    for each in senders:
        each.join(WITHIN)
        assert not each.is_alive()


def test_a_frame_that_is_too_large_is_answered_in_words(live: Stack) -> None:
    with opened(live) as socket:
        greet(socket, "large")
        socket.send(bytes(MOST_FRAME + 4))
        told = [json.loads(message) for message in all_of(socket)]
    assert told[-1]["status"] == "ERROR"
    assert str(MOST_FRAME) in told[-1]["message"]


def all_of(socket: ClientConnection) -> Iterator[str | bytes]:
    """All messages to the close."""
    while (message := received(socket)) is not None:
        yield message


def received(socket: ClientConnection) -> str | bytes | None:
    """The next message, None after the close."""
    try:
        return socket.recv(WITHIN)
    except ConnectionClosed:
        return None
