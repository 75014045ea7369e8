"""Helper processes: events come in order, none outlives its parent, a death is told."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.demo.lines import Event, Helper

TELLS_AND_WAITS = """
from app.demo.lines import Parent
parent = Parent()
parent.tell("got", value=parent.request["value"])
parent.leaving.wait()
parent.tell("left")
"""
CRASHES = "raise SystemExit(3)"
SECRET = """
from app.demo.lines import Parent
Parent().tell_problem(OSError("can't open rtmp://user:secret@host/live/x?user=obs&pass=secret now"))
"""


class Events(list[Event]):
    """Events, and a flag that the first has come."""

    def __init__(self) -> None:
        super().__init__()
        self.first = threading.Event()

    def __call__(self, event: Event) -> None:
        self.append(event)
        self.first.set()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{root}")
    return tmp_path / "helper_under_test.py"


def test_a_helper_gets_its_request_and_leaves_when_it_is_stopped(module: Path) -> None:
    module.write_text(TELLS_AND_WAITS, encoding="utf-8")
    events = Events()
    with Helper("helper_under_test", {"value": 7}, events) as helper:
        assert events.first.wait(20)
        assert helper.running
    assert not helper.running
    assert events == [{"type": "got", "value": 7}, {"type": "left"}]


def test_a_helper_that_crashes_is_told_as_a_problem(module: Path) -> None:
    module.write_text(CRASHES, encoding="utf-8")
    events = Events()
    with Helper("helper_under_test", {}, events) as helper:
        assert events.first.wait(20)
    assert helper.problem == "the process ended with status 3"
    assert events == [{"type": "problem", "message": helper.problem}]


def test_passwords_in_an_error_are_hidden(module: Path) -> None:
    module.write_text(SECRET, encoding="utf-8")
    events = Events()
    with Helper("helper_under_test", {}, events) as helper:
        assert events.first.wait(20)
    assert "secret" not in helper.problem
    assert helper.problem == "can't open rtmp://***@host/live/x now"
