"""Stand-ins for what a speech host of a pool asks: its instance's metadata, and Auto Scaling."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from app.release import names

INSTANCE = "i-0123456789abcdef0"
TAKEN = "<CompleteLifecycleActionResponse><CompleteLifecycleActionResult/></CompleteLifecycleActionResponse>"


class Cloud:
    """Stand-ins for an instance's metadata (IMDSv2) and for Auto Scaling, in one server of this machine."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {"instance-id": INSTANCE}
        self.tokens: set[str] = set()
        self.completed: list[dict[str, str]] = []
        self.waits = {names.ARRIVING}
        self.changed = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def complete(self, asked: dict[str, str]) -> bool:
        """Whether an instance waited at the hook."""
        with self.changed:
            self.completed.append(asked)
            self.changed.notify_all()
        return asked["LifecycleHookName"] in self.waits

    def hooks(self) -> list[str]:
        """The hooks that an instance was said to be done with, in order."""
        return [each["LifecycleHookName"] for each in self.completed]


def handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    """What answers for it."""

    class Handler(BaseHTTPRequestHandler):
        """Metadata for those with a token; Auto Scaling's one call."""

        def do_PUT(self) -> None:
            assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
            token = f"token-{len(cloud.tokens)}"
            cloud.tokens.add(token)
            self.answer(200, token)

        def do_GET(self) -> None:
            if self.headers["X-aws-ec2-metadata-token"] not in cloud.tokens:
                return self.answer(401, "")
            said = cloud.says.get(self.path.removeprefix("/latest/meta-data/"))
            return self.answer(404, "") if said is None else self.answer(200, said)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = {key: value for key, [value] in parse_qs(body).items()}
            assert asked["Action"] == "CompleteLifecycleAction"
            if cloud.complete(asked):
                self.answer(200, TAKEN)
            else:
                error = (
                    "<Error><Code>ValidationError</Code><Message>No active Lifecycle Action</Message></Error>"
                )
                self.answer(400, f"<ErrorResponse>{error}</ErrorResponse>")

        def answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler
