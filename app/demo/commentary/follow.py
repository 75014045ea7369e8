"""Follows a session of commentary: its comments as they come, and the time at which their speech is there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from app.demo.commentary.score import Said

STOP_WITHIN = 5.0


class Following:
    """Listens in a thread of its own while it is entered; `on_comment` is called there for each comment."""

    def __init__(self, client: httpx.Client, session: str, on_comment: Callable[[Said], None]) -> None:
        self.said: dict[int, Said] = {}
        self.watching = threading.Event()
        self.problem = ""
        self._path = f"/sessions/{session}"
        self._client = client
        self._on_comment = on_comment
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="comments", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        # The last event of a session ends the stream.
        self._client.delete(self._path)
        self._thread.join(STOP_WITHIN)

    def _run(self) -> None:
        try:
            with self._client.stream("GET", f"{self._path}/events") as response:
                response.raise_for_status()
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        self._handle(json.loads(line[5:]))
        except (httpx.HTTPError, ValueError) as error:
            if not self._leaving.is_set():
                self.problem = str(error) or type(error).__name__

    def _handle(self, event: dict[str, object]) -> None:
        now = time.monotonic()
        if event["type"] == "session":
            if event["state"] == "watching":
                self.watching.set()
            return
        number = int(str(event["id"]))
        if number not in self.said:
            self.said[number] = Said(str(event["why"]), str(event["text"]), now)
            self._on_comment(self.said[number])
        if event["spoken"]:
            # It begins to sound where a page plays it once it has it.
            self._client.get(f"{self._path}/comments/{number}/sound.wav").raise_for_status()
            self.said[number] = replace(self.said[number], begun=time.monotonic())
