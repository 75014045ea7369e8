"""A client's first message and its frames of sound, checked. Pure."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.speech.types import Samples

END_OF_AUDIO = "END_OF_AUDIO"
SAMPLE_BYTES = {"float32": 4, "int16": 2, "uint8": 1}
MOST_SEGMENTS = 50


class BadClient(Exception):
    """A message that the connection can't go on after. The text says why, for people."""


class Greeting(BaseModel):
    """What a client wants; every field but `uid` may be missing, and fields of other servers are ignored."""

    model_config = ConfigDict(extra="ignore")

    uid: str = Field(min_length=1, max_length=200)
    language: str | None = Field(None, max_length=20)
    task: str = "transcribe"
    send_last_n_segments: int = 10
    word_timestamps: bool = False
    enable_translation: bool = False
    target_language: str | None = Field("fr", max_length=20)
    audio_format: Literal["float32", "int16", "uint8"] = "float32"

    @field_validator("task", "send_last_n_segments", "word_timestamps", "enable_translation",
                     "target_language", "audio_format", mode="before")  # fmt: skip
    @classmethod
    def _null_is_missing(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].default if value is None else value

    @field_validator("language", "target_language")
    @classmethod
    def _plain_code(cls, value: str | None) -> str | None:
        return value.strip().lower().split("-")[0] if value and value.strip() else None

    @property
    def shown(self) -> int:
        """How many finished segments each message repeats."""
        return min(max(self.send_last_n_segments, 1), MOST_SEGMENTS)


def read_greeting(text: str | None) -> Greeting:
    """The first message. Raises BadClient that says what is wrong with it."""
    try:
        document = json.loads(text or "")
    except (ValueError, RecursionError):
        raise BadClient("the first message must be a JSON object with a uid") from None
    try:
        return Greeting.model_validate(document)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        where = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'message'}: {p['msg']}" for p in problems[:5])
        raise BadClient(f"the first message is wrong: {where}") from None


def is_end(message: bytes | str) -> bool:
    """Whether a frame says that no more sound comes."""
    return message in (END_OF_AUDIO, END_OF_AUDIO.encode())


def check_whole(frame: bytes, audio_format: str) -> None:
    """Raises BadClient for a frame that ends in half a sample."""
    size = SAMPLE_BYTES[audio_format]
    if len(frame) % size:
        raise BadClient(f"a frame of {len(frame)} bytes is not whole {audio_format} samples of {size} bytes")


def samples_of(frame: bytes, audio_format: str) -> Samples:
    """A frame of mono sound at 16 kHz as float32 in [-1, 1]. Raises BadClient for half a sample."""
    check_whole(frame, audio_format)
    if audio_format == "int16":
        return np.frombuffer(frame, "<i2").astype(np.float32) / 32768.0
    if audio_format == "uint8":
        return (np.frombuffer(frame, np.uint8).astype(np.float32) - 128.0) / 128.0
    samples = np.nan_to_num(np.frombuffer(frame, "<f4"), nan=0.0, posinf=1.0, neginf=-1.0)
    clipped: Samples = np.clip(samples, -1.0, 1.0).astype(np.float32)
    return clipped
