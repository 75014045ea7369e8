"""What live tells in WhisperLive's protocol."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class ToldWord(BaseModel):
    """A word and the time it spans, in seconds of the connection."""

    word: str
    start: float
    end: float


class ToldSegment(BaseModel):
    """A piece of the transcript; times are seconds as text. What is `completed` never changes."""

    start: str
    end: str
    text: str
    completed: bool
    words: list[ToldWord] = []


class Told(BaseModel):
    """A message to a client; it has the fields that it needs. `uid` is the client's.

    `message` is SERVER_READY (with `backend`) or DISCONNECT (with `reason`), with `status` ERROR or WARNING a
    text for people, and with WAIT the minutes until a place is free.
    """

    uid: str
    message: str | float = ""
    status: Literal["ERROR", "WARNING", "WAIT"] = "WARNING"
    backend: str = ""
    reason: Literal["idle", "time"] = "time"
    language: str = ""
    language_prob: float = 0.0
    segments: list[ToldSegment] = []
    translated_segments: list[ToldSegment] = []

    def text(self) -> str:
        """As it is sent: without what was not said."""
        return self.model_dump_json(exclude_unset=True)
