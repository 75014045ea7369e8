"""Stand-ins for what a speech host of a pool asks: its instance's metadata, and Auto Scaling."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs

from app.release import names
from tests.metadata import MetadataHandler

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


def handler(cloud: Cloud) -> type[MetadataHandler]:
    """What answers for it."""

    class Handler(MetadataHandler):
        """Metadata for those with a token; Auto Scaling's one call."""

        tokens = cloud.tokens

        def said(self, path: str, address: str) -> str | None:  # noqa: ARG002
            return cloud.says.get(path)

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

    return Handler
