"""A client of live that sends nothing for long, not even silence, gives its place to others."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.live import session
from app.live.service import create
from app.settings import load
from app.speech.realtime.line import RATE
from app.speech.sound import Resampler, to_pcm
from app.speech.types import RECOGNISER_RATE, Samples
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


def test_a_realtime_session_without_sound_is_closed_without_an_error(
    monkeypatch: pytest.MonkeyPatch, speech: Samples
) -> None:
    """Agents take an error for the end of everything, and connect again after a close."""
    monkeypatch.setattr(session, "SILENT_CLIENT", 0.3)
    monkeypatch.setattr(session, "IDLE_CLIENT", 1.5)
    settings = load({"LIVE_MAX_CLIENTS": "1", "ASR_ENGINE": "pocketsphinx", "ALLOWED_HOSTS": "testserver"})
    pcm = to_pcm(Resampler(RECOGNISER_RATE, RATE)(speech))
    append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
    with TestClient(create(settings)) as client:
        wait_for("live ready", lambda: client.get("/health").status_code == 200, WITHIN)
        for sent in ([], [append]):
            with client.websocket_connect("/v1/realtime?intent=transcription") as socket:
                for event in sent:
                    socket.send_text(json.dumps(event))
                kinds: list[str] = []
                message: dict[str, Any] = dict(socket.receive())
                while message["type"] == "websocket.send":
                    kinds.append(json.loads(message["text"])["type"])
                    message = dict(socket.receive())
            assert message == {
                "type": "websocket.close",
                "code": 1000,
                "reason": "nothing came for long: the session is over",
            }
            assert "error" not in kinds
            assert ("conversation.item.input_audio_transcription.completed" in kinds) == bool(sent)
