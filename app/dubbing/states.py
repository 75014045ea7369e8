"""How the processes of the dubber do, as they tell twice a second: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.speech.protocol import KnownSpeaker

Phase = Literal["connecting", "waiting", "running", "source_lost"]


@dataclass(frozen=True)
class Counts:
    """Phrases by outcome since the worker started.

    in_time: the dub started within 0.1 s of its place; late: later than that, but played;
    dropped: a dub came too late to be played; passed_through: the original was heard because no dub
    came (speech service down, overloaded or wrong). What sounded like speech but had no word in it
    (laughter, a cough, the end of a word that the phrase before has) is `wordless`, and no phrase.
    """

    in_time: int = 0
    late: int = 0
    dropped: int = 0
    passed_through: int = 0
    wordless: int = 0

    @property
    def phrases(self) -> int:
        """All phrases with words, or with an unknown number of them, that have an outcome."""
        return self.in_time + self.late + self.dropped + self.passed_through


@dataclass(frozen=True)
class Lag:
    """Dub lag in seconds: how long after its place in the delayed sound a dub started. Last 200 phrases.

    `slope` is in seconds of lag gained per hour.
    """

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    slope: float = 0.0


@dataclass(frozen=True)
class Track:
    """A track of the source, as it came: kind (video or audio), codec, and a short description.

    Sound tracks are numbered from 1; title and language are as the source tells them; `use` is what one is
    taken as: voice, background, or nothing. `channel` is the one that is the voice where the other is not:
    left or right.
    """

    kind: Literal["video", "audio"]
    codec: str
    detail: str
    number: int = 0
    title: str = ""
    language: str = ""
    use: str = ""
    channel: str = ""


@dataclass(frozen=True)
class State:
    """A worker's heartbeat, sent twice a second. Times in seconds.

    `standing_by`: another publishes this dub, and this worker is ready to, as soon as that one ends.
    `spoken`: the language that was heard last, empty where it isn't known yet. `engines`: who recognised,
    translated and spoke the last dub, as sts names them. `speakers` are those heard so far, `voices` what
    they can have.
    """

    phase: Phase
    bypassed: bool
    dubbing: bool
    delay: float
    position: float
    tracks: tuple[Track, ...]
    counts: Counts
    lag: Lag
    speech_address: str
    speech_problem: str
    queue_seconds: float
    queue_bytes: int
    reconnects: int
    note: str = ""
    standing_by: bool = False
    spoken: str = ""
    engines: tuple[str, ...] = ()
    speakers: tuple[KnownSpeaker, ...] = ()
    voices: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestreamState:
    """The heartbeat of a process that sends a dub on, sent twice a second.

    `sent` is in bytes since it began, `bit_rate` in bit/s over the last seconds; `problem` says why it
    isn't sending now, and is empty while it is.
    """

    sending: bool
    sent: int
    bit_rate: float
    reconnects: int
    problem: str = ""


@dataclass(frozen=True)
class DescribeState:
    """The heartbeat of a process that describes, sent twice a second; the counts are of sentences."""

    phase: Phase
    said: int
    dropped: int
    reconnects: int
    note: str = ""


UNWRITTEN = "can't be written"
"""Stands in a JoinState's problem where the disk is the problem."""


@dataclass(frozen=True)
class JoinState:
    """The heartbeat of a process that joins, sent twice a second; it reads these languages."""

    segments: int
    languages: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True)
class IntakeState:
    """The heartbeat of a process that takes a stream in, sent twice a second.

    `bit_rate` is in bit/s over the last seconds; `language` is that of the sound track, empty where it is not
    told; `splices` and `tags` count what came beside; `problem` is empty while the stream is there.
    """

    running: bool
    bit_rate: float
    tracks: tuple[str, ...]
    language: str
    splices: int
    tags: int
    reconnects: int
    problem: str = ""


HEARTBEATS = (State, RestreamState, DescribeState, JoinState, IntakeState)
