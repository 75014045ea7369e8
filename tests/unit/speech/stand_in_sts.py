"""A stand-in for `sts` that does what a test says: lies, falls silent, answers well.

The real one recognises and speaks (tests/integration/speech); it can't be told to misbehave.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from app.speech.protocol import Config, Dub, PhraseMark, Ready, Timings

READY = Ready(recogniser="r", translator="t", synthesiser="s", voice="v")
RATE = 16_000


class Session:
    """One connection of a worker, seen from the server."""

    def __init__(self, socket: ServerConnection, number: int) -> None:
        self.socket = socket
        self.number = number
        self.config = Config.model_validate_json(socket.recv(10))
        self.socket.send(READY.model_dump_json())

    def asked(self) -> PhraseMark:
        """The next phrase that is asked for; the sound before it is let pass."""
        while isinstance(message := self.socket.recv(), bytes):
            pass
        return PhraseMark.model_validate_json(message)

    def dub(self, id: int, pcm: bytes = b"\x10\x20" * RATE, **lies: Any) -> None:
        """Answers a phrase with a second of sound, as it should be but for the lies."""
        self.say(**(dub(id).model_dump(mode="json") | lies))
        self.socket.send(pcm)

    def say(self, **content: Any) -> None:
        """Sends a JSON message."""
        self.socket.send(json.dumps(content))


Script = Callable[[Session], None]


def dub(id: int) -> Dub:
    """The message of a second of sound."""
    return Dub(
        id=id,
        source="good evening",
        target="buenas tardes",
        words=(),
        timings=Timings(waited=0, recognise=0, translate=0, synthesise=0),
        sample_rate=RATE,
        samples=RATE,
    )


def well(session: Session) -> None:
    """Answers every phrase."""
    while True:
        session.dub(session.asked().id)


def mute(session: Session) -> None:
    """Takes everything in and says nothing."""
    while True:
        session.asked()


@contextmanager
def stand_in_sts(*scripts: Script) -> Iterator[tuple[str, list[Session]]]:
    """A server that runs the scripts, one a connection, the last for all further ones; its address."""
    sessions: list[Session] = []

    def handle(socket: ServerConnection) -> None:
        try:
            session = Session(socket, len(sessions))
            sessions.append(session)
            scripts[min(session.number, len(scripts) - 1)](session)
        except ConnectionClosed:
            pass

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", sessions
        finally:
            server.shutdown()
            thread.join()
