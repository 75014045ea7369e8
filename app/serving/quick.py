"""Answers that lie in memory and that many ask for, given without uvicorn's and the application's work.

A thousand viewers of a stream ask for the same few playlists and pieces some thousand times a second. What is
an ordinary GET of one of these is answered where it arrives; everything else goes the usual way, and whatever
is unusual about a request makes it go that way too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from fastapi import Response

from app.serving.guarding import is_ours

LONGEST = 8192
# Each line's parts can't hold what ends them, so that the time is linear.
HEAD = re.compile(rb"GET (/[!-\"$-~]*) HTTP/1\.1\r\n((?:[\w!#$%&'*+.^`|~-]+:[\t -~]*\r\n)+)\r\n")
FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"})
"""What says that there is more to a request than its head."""


@dataclass(frozen=True)
class Asked:
    """A GET request: its target with the query, its headers, by their names in lower case, and who asks."""

    target: str
    headers: dict[bytes, bytes]
    client: str = ""


Answers = Callable[[Asked], Response | None]


class Quick:
    """What is answered at once: requests below `prefix` that `answers` has a response of 200 for, where they
    name one of `hosts` (app.serving.guarding)."""

    def __init__(self, prefix: str, answers: Answers, hosts: Iterable[str]) -> None:
        self._begins = f"GET {prefix}".encode()
        self._answers = answers
        names = frozenset(hosts)
        self._is_ours = lru_cache(256)(lambda host: is_ours(host, names))

    def answer(
        self, data: bytes, defaults: Iterable[tuple[bytes, bytes]], client_of: Callable[[str], str]
    ) -> bytes | None:
        """The whole answer to a whole request, with these headers too; None where it goes the usual way.

        `client_of` tells who asks, from what proxies said (X-Forwarded-For).
        """
        if not data.startswith(self._begins):
            return None
        asked = read(data)
        if asked is None or not self._is_ours(asked.headers[b"host"].decode()):
            return None
        client = client_of(asked.headers.get(b"x-forwarded-for", b"").decode())
        response = self._answers(replace(asked, client=client))
        if response is None:
            return None
        lines = [b"%b: %b\r\n" % header for header in (*defaults, *response.raw_headers)]
        return b"".join((b"HTTP/1.1 200 OK\r\n", *lines, b"\r\n", response.body))


def read(data: bytes) -> Asked | None:
    """The request, where it is one GET with nothing beside it that leaves its connection open; else None."""
    found = HEAD.fullmatch(data) if len(data) <= LONGEST else None
    if found is None:
        return None
    lines = found[2].split(b"\r\n")[:-1]
    parts = [line.partition(b":") for line in lines]
    headers = {name.lower(): value.strip(b" \t") for name, _, value in parts}
    if len(headers) < len(lines) or b"host" not in headers or not FRAMING.isdisjoint(headers):
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    return Asked(found[1].decode(), headers)
