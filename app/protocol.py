"""The wire messages between the dubber's workers and `sts`, over one WebSocket a stream and language.

The client speaks first: a `config` message (JSON text). The server answers `ready`, or `error` and a
close. Then the client sends sound as it arrives, as binary messages (`pack_sound`), so that the
recogniser hears everything, and marks each phrase with a `phrase` message. Every phrase is answered,
in the order asked, by one `dub` message followed at once by one binary message of int16
little-endian mono PCM (absent where `samples` is 0), or by one `failure` message.

All positions are sample indexes at the session's sample rate, on a timeline of the client's choosing
that only grows; a step in it means that sound is missing and the recogniser starts afresh.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SOUND_HEADER = struct.Struct("<q")
MAX_SOUND_BYTES = 1 << 20

FailureCode = Literal["overloaded", "deadline", "no_speech", "failed"]
ErrorCode = Literal["bad_config", "bad_message", "no_translator", "no_recogniser", "no_voice", "overloaded"]


Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A language or a voice: no control characters, since programs are asked for what has that name."""


class Message(BaseModel):
    """A JSON message; unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Config(Message):
    """First message of a client: languages (ISO 639), voice (empty: any), sample rate in Hz."""

    type: Literal["config"] = "config"
    source: Name
    target: Name
    voice: Name = ""
    sample_rate: Annotated[int, Field(ge=8000, le=48000)] = 16000


class PhraseMark(Message):
    """Asks for the dub of the sound in [start, end), which has been sent already.

    `deadline` is in seconds from now: later than that the answer is of no use. `pause` says that
    silence follows, so that the recogniser may settle everything it has heard up to `end`.
    `seconds` is the time the dub should take when spoken, or 0 where it doesn't matter.
    """

    type: Literal["phrase"] = "phrase"
    id: int
    start: int
    end: int
    deadline: float
    pause: bool = False
    seconds: float = 0.0


class Ready(Message):
    """The session is open; names of the engines and of the voice in use."""

    type: Literal["ready"] = "ready"
    recogniser: str
    translator: str
    synthesiser: str
    voice: str


class Timings(Message):
    """Time in seconds that each stage took; `waited` is the time in the queue."""

    waited: float
    recognise: float
    translate: float
    synthesise: float


class SpokenWord(Message):
    """A recognised word and the sample indexes it spans."""

    text: str
    start: int
    end: int


class Dub(Message):
    """The answer to a phrase. `samples` int16 samples at `sample_rate` Hz follow in a binary message."""

    type: Literal["dub"] = "dub"
    id: int
    source: str
    target: str
    words: tuple[SpokenWord, ...]
    timings: Timings
    sample_rate: int
    samples: int


class Failure(Message):
    """A phrase that gets no dub, told at once: why, as a code and in words."""

    type: Literal["failure"] = "failure"
    id: int
    code: FailureCode
    message: str


class Error(Message):
    """The session can't go on: why, as a code and in words. A close follows."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str


def pack_sound(position: int, pcm: bytes) -> bytes:
    """A binary message: the sample index of the first sample, then int16 little-endian mono PCM."""
    return SOUND_HEADER.pack(position) + pcm


def unpack_sound(message: bytes) -> tuple[int, bytes]:
    """Position and PCM of a binary message. Raises ValueError where it is too short, long or odd."""
    if len(message) < SOUND_HEADER.size or len(message) > MAX_SOUND_BYTES:
        raise ValueError(
            f"a sound message has {SOUND_HEADER.size} to {MAX_SOUND_BYTES} bytes, not {len(message)}"
        )
    pcm = message[SOUND_HEADER.size :]
    if len(pcm) % 2:
        raise ValueError("PCM of int16 samples has an even number of bytes")
    return SOUND_HEADER.unpack_from(message)[0], pcm
