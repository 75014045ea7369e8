"""A model hub on this machine with one tiny model, which containers reach through their network's gateway."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = "Systran/faster-whisper-tiny"


class Hub(ThreadingHTTPServer):
    """A stand-in for the hub that models come from; `asked` has the path of every request."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("0.0.0.0", 0), Desk)
        self.folder = folder
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class Desk(BaseHTTPRequestHandler):
    """One request."""

    server: Hub

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """The list of the model's files, or one of them."""
        self.server.asked.append(self.path)
        folder = self.server.folder
        if self.path.startswith(f"/api/models/{MODEL}/tree/"):
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            listed = [
                {
                    "type": "file",
                    "path": str(path.relative_to(folder)),
                    "oid": "",
                    "size": path.stat().st_size,
                }
                for path in files
            ]
            self._send(json.dumps(listed).encode())
        elif self.path.startswith(f"/{MODEL}/resolve/main/"):
            self._send((folder / self.path.partition("/resolve/main/")[2]).read_bytes())
        else:
            self.send_error(404)

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def running(folder: Path) -> Iterator[Hub]:
    """The hub, for the time of a `with` block."""
    with Hub(folder) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
