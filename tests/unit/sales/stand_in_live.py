"""A stand-in for `live` that does what a test says: refuses, breaks off, hears a given text.

The real one recognises speech (tests/integration/sales); it can't be told to misbehave at a moment.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.sync.server import ServerConnection, serve

Script = Callable[["Connection"], None]


class Connection:
    """One connection of sales, seen from the server."""

    def __init__(self, socket: ServerConnection, number: int) -> None:
        self.socket = socket
        self.number = number
        self.samples = 0
        self.greeting = json.loads(socket.recv(10))

    def ready(self) -> None:
        """Says that it listens."""
        self.socket.send(json.dumps({"uid": self.greeting["uid"], "message": "SERVER_READY", "backend": "x"}))

    def hear(self, samples: int) -> None:
        """Takes so many samples in."""
        while self.samples < samples:
            frame = self.socket.recv(10)
            assert isinstance(frame, bytes)
            self.samples += len(frame) // 4

    def hear_the_end(self) -> None:
        """Takes everything in until END_OF_AUDIO."""
        while (frame := self.socket.recv(10)) != b"END_OF_AUDIO":
            self.samples += len(frame) // 4

    def say(self, start: float, end: float, text: str, completed: bool = True) -> None:
        """Tells a segment."""
        segment = {"start": f"{start:.3f}", "end": f"{end:.3f}", "text": text, "completed": completed}
        self.socket.send(json.dumps({"uid": self.greeting["uid"], "segments": [segment]}))


@contextmanager
def stand_in_live(script: Script) -> Iterator[tuple[int, list[str]]]:
    """A server that runs the script for each connection; gives its port and the keys that were sent."""
    keys: list[str] = []

    def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        keys.append(socket.request.headers.get("Authorization", ""))
        script(Connection(socket, len(keys)))

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1], keys
        finally:
            server.shutdown()
            thread.join()
