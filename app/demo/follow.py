"""Follows what the dubber says about one dub: its phrases as they are dubbed, and its state."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

Document = dict[str, Any]
RETRY_EVERY = 0.5
SILENCE = 5.0


def parse_events(lines: Iterable[str]) -> Iterator[tuple[str, Document]]:
    """Name and document of each server-sent event in the lines of a response."""
    name, data = "", []
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line:
            if name and data:
                yield name, json.loads("\n".join(data))
            name, data = "", []


@dataclass
class Following:
    """Listens in a thread of its own while it is entered; connects again when the connection ends.

    `on_phrase` is called in that thread. A dub that is missing although its stream is there is started.
    """

    address: str
    stream: str
    language: str
    on_phrase: Callable[[Document], None]
    headers: Mapping[str, str] = field(default_factory=dict)
    dub: Document = field(default_factory=dict)
    problem: str = ""

    def __post_init__(self) -> None:
        self._leaving = threading.Event()
        self._client = httpx.Client(
            base_url=self.address, headers=self.headers, trust_env=False, timeout=SILENCE
        )
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        # The dubber tells the streams each second, which is when the thread looks up.
        self._thread.join(SILENCE + 1)
        self._client.close()

    def _run(self) -> None:
        while not self._leaving.is_set():
            try:
                with self._client.stream("GET", "/events") as response:
                    response.raise_for_status()
                    for name, document in parse_events(response.iter_lines()):
                        if self._leaving.is_set():
                            return
                        self._handle(name, document)
            except (httpx.HTTPError, ValueError) as error:
                self.problem = str(error) or type(error).__name__
            self._leaving.wait(RETRY_EVERY)

    def _handle(self, name: str, document: Document) -> None:
        if name == "streams":
            for stream in document["streams"]:
                if stream["name"] == self.stream and stream["ready"]:
                    self._look(stream["dubs"])
        elif name == "phrase" and (document["stream"], document["language"]) == (self.stream, self.language):
            self.on_phrase(document)

    def _look(self, dubs: list[Document]) -> None:
        mine = [dub for dub in dubs if dub["language"] == self.language]
        if mine:
            self.dub = mine[0]
            return
        answer = self._client.put(f"/streams/{self.stream}/{self.language}", json={})
        if answer.is_error:
            self.problem = f"the dubber refused to dub into {self.language!r}: {answer.text}"
