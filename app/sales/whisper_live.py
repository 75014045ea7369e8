"""What a WhisperLive server says, taken apart: its own protocol as `live` speaks it. Pure."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

END_OF_AUDIO = b"END_OF_AUDIO"
EPSILON = 0.01
MAX_TEXT = 2000


@dataclass(frozen=True)
class Said:
    """A piece of transcript, in seconds of the connection."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Heard:
    """What one message brought: new final pieces, and what is being said (None: nothing about that)."""

    final: list[Said] = field(default_factory=list)
    partial: Said | None = None


class ServerProblem(Exception):
    """The server can't serve this connection. The message says why, for people."""


class Idle(ServerProblem):
    """The server wants its place back, as nothing was sent for long; all that was sent is heard."""


class Reader:
    """Reads the messages of one connection; each final piece is given once."""

    def __init__(self) -> None:
        self.ready = False
        self._until = -1.0

    def read(self, message: str | bytes) -> Heard:
        """What a message brings. Raises ServerProblem where the server has no place or an error."""
        try:
            document = json.loads(message)
        except ValueError:
            return Heard()
        if not isinstance(document, dict):
            return Heard()
        told = document.get("message")
        match document.get("status"):
            case "WAIT":
                raise ServerProblem("live has no free place now (LIVE_MAX_CLIENTS)")
            case "ERROR":
                raise ServerProblem(f"live can't recognise this: {str(told)[:200]}")
        if told == "SERVER_READY":
            self.ready = True
        if told == "DISCONNECT" and document.get("reason") == "idle":
            raise Idle("nothing was sent for long")
        if told == "DISCONNECT":
            raise ServerProblem("the connection's time is over (LIVE_MAX_CONNECTION_TIME)")
        return self._segments(document.get("segments"))

    def _segments(self, segments: Any) -> Heard:
        final: list[Said] = []
        partial = None
        for each in segments if isinstance(segments, list) else []:
            said = piece(each)
            if said is None:
                continue
            if not each.get("completed"):
                partial = said
            elif said.start >= self._until - EPSILON and said.end > self._until:
                self._until = said.end
                final.append(said)
        return Heard(final, partial)


def piece(segment: Any) -> Said | None:
    """A segment with its times as numbers; None where it is none or says nothing."""
    try:
        start, end = float(segment["start"]), float(segment["end"])
        text = " ".join(str(segment["text"]).split())[:MAX_TEXT]
    except (KeyError, TypeError, ValueError):
        return None
    return Said(start, max(start, end), text) if text and 0 <= start < float("inf") else None


def greeting(language: str, model: str) -> str:
    """The first message of a client."""
    return json.dumps(
        {
            "uid": str(uuid.uuid4()),
            "language": language,
            "task": "transcribe",
            "model": model or "small",
            "use_vad": True,
            "send_last_n_segments": 10,
            "no_speech_thresh": 0.45,
            "clip_audio": False,
            "same_output_threshold": 10,
        }
    )
