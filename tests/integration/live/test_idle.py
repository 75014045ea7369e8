"""A client of live that sends nothing for long, not even silence, gives its place to others."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from app.live import session
from app.live.service import create
from app.settings import load
from app.speech.types import Samples
from tests.stack import wait_for

WITHIN = 60.0


def test_who_sends_nothing_is_told_what_was_said_and_loses_the_place(
    monkeypatch: pytest.MonkeyPatch, speech: Samples
) -> None:
    monkeypatch.setattr(session, "SILENT_CLIENT", 0.3)
    monkeypatch.setattr(session, "IDLE_CLIENT", 0.3)
    settings = load({"LIVE_MAX_CLIENTS": "1", "ASR_ENGINE": "pocketsphinx", "ALLOWED_HOSTS": "testserver"})
    with TestClient(create(settings)) as client:
        wait_for("live ready", lambda: client.get("/health").status_code == 200, WITHIN)
        with client.websocket_connect("/") as socket:
            socket.send_text(json.dumps({"uid": "me", "language": "en"}))
            for start in range(0, speech.size, 4096):
                socket.send_bytes(speech[start : start + 4096].tobytes())
            messages = iter(socket.receive, {"type": "websocket.close", "code": 1000, "reason": ""})
            told = [json.loads(message["text"]) for message in messages]
        assert told[-1] == {"uid": "me", "message": "DISCONNECT", "reason": "idle"}
        assert all(each["completed"] for each in told[-2]["segments"])
        assert client.get("/health").json()["clients"] == 0
