"""A stand-in for tts, where one is needed that answers as it is told to: a real HTTP server on loopback."""

from __future__ import annotations

import io
import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def silence(seconds: float) -> bytes:
    """A WAV file without a sound in it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(8000)
        opened.writeframes(bytes(round(seconds * 8000) * 2))
    return file.getvalue()


class StandInTts:
    """Answers each request with that status and body, at once or, where `held`, never; `asked` are the
    requests."""

    def __init__(self) -> None:
        self.status = 200
        self.body = silence(1.0)
        self.asked: list[dict[str, Any]] = []
        self.port = 0
        self.held = False
        self.leaving = threading.Event()


@contextmanager
def stand_in_tts() -> Iterator[StandInTts]:
    """A running one."""
    tts = StandInTts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            tts.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            if tts.held:
                tts.leaving.wait()
                return
            self.send_response(tts.status)
            self.send_header("content-length", str(len(tts.body)))
            self.end_headers()
            self.wfile.write(tts.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tts.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield tts
    finally:
        tts.leaving.set()
        server.shutdown()
        server.server_close()
        thread.join()
