"""The wire messages between the dubber's workers and `sts`, over one WebSocket a stream and language.

The client speaks first: a `config` message (JSON text). The server answers `ready`, or `error` and a
close. Then the client sends sound as it arrives, as binary messages (`pack_sound`), so that the
recogniser hears everything, and marks each phrase with a `phrase` message. A `profile` message changes the
stream's wording from the next phrase on, and has no answer. Every phrase is answered,
in the order asked, by one `dub` message followed at once by one binary message of int16
little-endian mono PCM (absent where `samples` is 0), or by one `failure` message. What an answer
says is bounded here, so that neither side has to trust the other.

A client that connects to `PATH?tell=engines&tell=note&tell=speaker` is told with each dub which engines made
it, what the operator should know, and who spoke: older partners on either side pass that over. Speakers are
told apart from a `speakers` message on, which a client sends to a server whose `ready` says that it can
(`apart`).

All positions are sample indexes at the session's sample rate, on a timeline of the client's choosing
that only grows; a step in it means that sound is missing and the recogniser starts afresh.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PATH = "/sts"
TELL = ("engines", "note", "speaker")
"""Fields of a Dub that are told to a client that names them in its query, as `tell`."""
SOUND_HEADER = struct.Struct("<q")
MAX_SOUND_BYTES = 1 << 20
# In characters, words, seconds. Far above what the longest phrase (7 s) can need.
LONGEST_TEXT = 10_000
LONGEST_MESSAGE = 1000
MOST_WORDS = 2000
LONGEST_DUB = 120.0
LONGEST_SUBJECT = 300
MOST_TERMS = 200
LONGEST_STAGE = 3600.0
LONGEST_PRINT = 1000
MOST_SPEAKERS = 8
MOST_OFFERED = 200

FailureCode = Literal["overloaded", "deadline", "no_speech", "same_language", "failed"]
ErrorCode = Literal["bad_config", "bad_message", "no_translator", "no_recogniser", "no_voice", "overloaded"]


Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A language or a voice: no control characters, since programs are asked for what has that name."""
Added = Annotated[Name, Field(exclude_if=lambda value: not value)]
"""Left out where it is empty: an older partner refuses what it doesn't know."""
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
# For people to read: its end may be missing.
Told = Annotated[str, AfterValidator(lambda text: text[:LONGEST_MESSAGE])]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_STAGE, allow_inf_nan=False)]


class Message(BaseModel):
    """A JSON message; unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(?:[^\x00-\x1f\x7f]*\S)?$")]
"""A name or a term of a glossary: printable, without space at its ends."""


Subject = Annotated[str, Field(max_length=LONGEST_SUBJECT, pattern=r"^[^\x00-\x1f\x7f]*$")]
Names = Annotated[tuple[Word, ...], Field(max_length=MOST_TERMS)]
Terms = Annotated[dict[Word, Word], Field(max_length=MOST_TERMS)]


class Profile(Message):
    """How a stream is worded. Sent again it holds from the next phrase on.

    `subject` tells the recogniser what is spoken of; names in `keep` stay as they are; `terms` have a fixed
    translation. `voice` empty is the config's.
    """

    type: Literal["profile"] = "profile"
    voice: Name = ""
    subject: Subject = ""
    keep: Names = ()
    terms: Terms = {}
    normalise: bool = True


class Config(Message):
    """First message of a client: languages (ISO 639), voice (empty: any), sample rate in Hz.

    `source` may be `auto`: the recogniser finds out what is spoken.
    """

    type: Literal["config"] = "config"
    source: Name
    target: Name
    voice: Name = ""
    sample_rate: Annotated[int, Field(ge=8000, le=48000)] = 16000
    profile: Annotated[Profile, Field(exclude_if=lambda profile: profile == Profile())] = Profile()


Number = Annotated[int, Field(ge=1, le=MOST_SPEAKERS)]


class KnownSpeaker(Message):
    """A speaker of the stream: pitch in Hz (0: unknown), seconds heard, and `voice`, which speaks for it.

    `print` is what the voice sounds like, for another host to go on by: base64 of float16, or empty.
    """

    number: Number
    pitch: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.0
    seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0.0
    voice: Name = ""
    print: Annotated[str, Field(max_length=LONGEST_PRINT, pattern=r"^[A-Za-z0-9+/]*=*$")] = ""


class Speakers(Message):
    """Tells speakers apart from the next phrase on, or (`on` false) no more.

    `known`, where there are any, are those of an earlier session: this one goes on with them. `same` says
    whose phrases a speaker's are, where an operator corrected that; `voices` which voices they are to have.
    """

    type: Literal["speakers"] = "speakers"
    on: bool = True
    known: Annotated[tuple[KnownSpeaker, ...], Field(max_length=MOST_SPEAKERS)] = ()
    same: Annotated[dict[Number, Number], Field(max_length=MOST_SPEAKERS)] = {}
    voices: Annotated[dict[Number, Name], Field(max_length=MOST_SPEAKERS)] = {}


class PhraseMark(Message):
    """Asks for the dub of the sound in [start, end), which has been sent already.

    `deadline` is in seconds from now: later than that the answer is of no use. `pause` says that
    silence follows, so that the recogniser may settle everything it has heard up to `end`.
    `seconds` is the time the dub should take when spoken, or 0 where it doesn't matter. `spoken` is the
    language from this phrase on, or `auto`; empty leaves it as it is.
    """

    type: Literal["phrase"] = "phrase"
    id: int
    start: int
    end: int
    deadline: float
    pause: bool = False
    seconds: float = 0.0
    spoken: Added = ""


class Ready(Message):
    """The session is open; names of the engines and of the voice in use.

    `apart` says by what speakers are told apart here (voice or pitch), `voices` what they can be given; to a
    client that wants to know.
    """

    type: Literal["ready"] = "ready"
    recogniser: Told
    translator: Told
    synthesiser: Told
    voice: Told
    apart: Added = ""
    voices: Annotated[
        tuple[Name, ...], Field(max_length=MOST_OFFERED, exclude_if=lambda value: not value)
    ] = ()


class Timings(Message):
    """Time in seconds that each stage took; `waited` is the time in the queue."""

    waited: Seconds
    recognise: Seconds
    translate: Seconds
    synthesise: Seconds


class SpokenWord(Message):
    """A recognised word and the sample indexes it spans."""

    text: Text
    start: int
    end: int


class Dub(Message):
    """The answer to a phrase. `samples` int16 samples at `sample_rate` Hz follow in a binary message.

    `language` is what was spoken, where the
    session's first message doesn't say it. `engines` names who recognised, translated and spoke, where the
    client wants to know; one that did two of these is there once. `note` says what of the profile can't be
    had, where it wants to know that. `speaker` is who said it, where speakers are told apart. `source` and
    `words` are empty where the recogniser translates.
    """

    type: Literal["dub"] = "dub"
    id: int
    source: Text
    target: Text
    words: Annotated[tuple[SpokenWord, ...], Field(max_length=MOST_WORDS)]
    language: Added = ""
    engines: Annotated[tuple[Name, ...], Field(max_length=3, exclude_if=lambda value: not value)] = ()
    note: Annotated[Told, Field(exclude_if=lambda value: not value)] = ""
    speaker: Annotated[KnownSpeaker | None, Field(exclude_if=lambda value: value is None)] = None
    timings: Timings
    sample_rate: Annotated[int, Field(ge=8000, le=192_000)]
    samples: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _no_longer_than_any_phrase(self) -> Dub:
        if self.samples > LONGEST_DUB * self.sample_rate:
            raise ValueError(f"a dub has {LONGEST_DUB:g} s at most")
        return self


class Failure(Message):
    """A phrase that gets no dub, told at once: why, as a code and in words, and `language` as in Dub."""

    type: Literal["failure"] = "failure"
    id: int
    code: FailureCode
    message: Told
    language: Added = ""


class Error(Message):
    """The session can't go on: why, as a code and in words. A close follows."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: Told


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
