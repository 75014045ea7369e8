"""Following the dubber's events, over real HTTP from a small server that stands in for the dubber."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.follow import Following, parse_events


def event(name: str, document: object) -> str:
    return f"event: {name}\ndata: {json.dumps(document)}\n\n"


def phrase(stream: str, language: str, id: int) -> dict[str, Any]:
    return {"stream": stream, "language": language, "id": id}


@given(st.lists(st.tuples(st.sampled_from(["phrase", "streams"]), st.dictionaries(st.text(), st.text()))))
def test_events_are_read_in_order_whatever_they_say(events: list[tuple[str, dict[str, str]]]) -> None:
    text = ": ping\n\n" + "".join(event(name, document) for name, document in events)
    assert list(parse_events(text.split("\n"))) == events


def test_a_document_over_several_lines_is_one() -> None:
    assert list(parse_events(["event: phrase", "data: {", 'data: "a": 1}', ""])) == [("phrase", {"a": 1})]


class StandIn(ThreadingHTTPServer):
    """Answers GET /events with what `events` holds, and notes each PUT."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events = ""
        self.started: list[str] = []
        self.asked_twice = threading.Event()
        self.connections = 0


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        self.server.connections += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.events.encode())
        if self.server.connections >= 2:
            self.server.asked_twice.set()

    def do_PUT(self) -> None:
        self.server.started.append(self.path)
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is for the tests."""


@pytest.fixture
def dubber() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def follow(dubber: StandIn) -> tuple[list[int], Following]:
    seen: list[int] = []
    following = Following(
        f"http://127.0.0.1:{dubber.server_port}", "demo", "es", lambda each: seen.append(each["id"])
    )
    with following:
        assert dubber.asked_twice.wait(10)
    return seen, following


def test_only_the_phrases_of_its_own_dub_are_told_and_it_connects_again(dubber: StandIn) -> None:
    dubber.events = "".join(
        event("phrase", phrase(*which))
        for which in (("demo", "es", 1), ("other", "es", 2), ("demo", "fr", 3), ("demo", "es", 4))
    )
    seen, _ = follow(dubber)
    assert seen[:2] == [1, 4]
    assert set(seen) == {1, 4}


def test_a_dub_that_is_missing_is_started(dubber: StandIn) -> None:
    dubber.events = event("streams", {"streams": [{"name": "demo", "ready": True, "dubs": []}]})
    follow(dubber)
    assert dubber.started[0] == "/streams/demo/es"


def test_the_state_of_its_dub_is_kept(dubber: StandIn) -> None:
    dubs = [{"language": "fr", "problem": "x"}, {"language": "es", "problem": "sts is away"}]
    dubber.events = event("streams", {"streams": [{"name": "demo", "ready": True, "dubs": dubs}]})
    _, following = follow(dubber)
    assert following.dub["problem"] == "sts is away"
    assert dubber.started == []
