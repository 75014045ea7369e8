"""What stands in for EC2's metadata of an instance (IMDSv2): nothing is told without a token."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from http.server import BaseHTTPRequestHandler
from typing import Any

BELOW = "/latest/meta-data/"


class MetadataHandler(BaseHTTPRequestHandler):
    """A token, then what is asked for. `tokens` are those that were given."""

    tokens: set[str]

    @abstractmethod
    def said(self, path: str, address: str) -> str | None:
        """What is said there to who asks from that address; None for nothing."""

    def do_PUT(self) -> None:
        assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        token = secrets.token_hex(8)
        self.tokens.add(token)
        self.answer(200, token)

    def do_GET(self) -> None:
        if self.headers["X-aws-ec2-metadata-token"] not in self.tokens:
            return self.answer(401, "")
        said = self.said(self.path.removeprefix(BELOW), self.client_address[0])
        return self.answer(404, "") if said is None else self.answer(200, said)

    def answer(self, status: int, text: str) -> None:
        """Answers with that text."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
