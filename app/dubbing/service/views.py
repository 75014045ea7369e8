"""What the dubber tells over HTTP: the documents of its API."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.dubbing import messages
from app.speech.protocol import Name as VoiceName
from app.speech.protocol import Number

Status = Literal[
    "starting", "waiting", "dubbing", "original", "bypassed", "source_lost", "restarting", "stopped"
]


class Source(BaseModel):
    """Who publishes the stream: how (as the media server calls it) and with which tracks."""

    type: str
    tracks: list[str]


class Track(BaseModel):
    """A track of the source as the worker sees it; see app.dubbing.states.Track."""

    kind: str
    codec: str
    detail: str
    number: int = 0
    title: str = ""
    language: str = ""
    use: str = ""
    channel: str = ""


class Lag(BaseModel):
    """How long after its place a dub starts: quantiles in seconds, slope in seconds an hour."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    slope: float = 0.0


class Counts(BaseModel):
    """Phrases by outcome since the dub was started, over all restarts of its worker."""

    phrases: int = 0
    in_time: int = 0
    late: int = 0
    dropped: int = 0
    passed_through: int = 0
    wordless: int = 0


class Speech(BaseModel):
    """The speech host in use and what is wrong with it, empty where nothing is.

    `engines` made the last dub: who recognised, translated and spoke. Empty until there is one.
    """

    address: str = ""
    problem: str = ""
    engines: list[str] = []


class Queue(BaseModel):
    """What waits in the delay line."""

    seconds: float = 0.0
    bytes: int = 0


class Speaker(BaseModel):
    """A speaker that was heard: its voice in the dub, its pitch in Hz (0: unknown).

    `same` is whose phrases its are: its own number, or another's where an operator corrected that.
    """

    number: int
    voice: str
    pitch: float
    same: int


class Dub(BaseModel):
    """A stream in one language. `delay` and `position` in seconds, `since` in Unix time.

    `speakers` are those told apart so far, `voices` what they can be given.
    """

    stream: str
    language: str
    path: str
    status: Status = Field(
        description="original: the original is heard because the speech service can't dub; see `problem`"
    )
    profile: str
    delay: float
    position: float
    tracks: list[Track]
    lag: Lag
    counts: Counts
    reconnects: int
    restarts: int
    since: float
    speech: Speech
    speakers: list[Speaker] = []
    voices: list[str] = []
    queue: Queue
    note: str
    problem: str


class Spoken(BaseModel):
    """The language that is spoken: as it is set (auto: found out), and as it was heard last or empty."""

    set: str
    heard: str = ""


class Stream(BaseModel):
    """A published stream and its dubs. `since`: Unix time at which its publisher came.

    `recording`: the sounds of its phrases are kept.
    """

    name: str
    ready: bool
    since: float
    source: Source
    spoken: Spoken
    recording: bool
    dubs: list[Dub]


class Streams(BaseModel):
    """All streams."""

    streams: list[Stream]


class Brief(BaseModel):
    """A stream as the consoles of other cells show it: how each of its dubs does, by language."""

    name: str
    ready: bool
    dubs: dict[str, Status]


class Phrase(BaseModel):
    """The record of a phrase; see app.dubbing.messages.Phrase. `id` only grows, over restarts too.

    `speaker` is the number of who says it, 0 where that isn't known. `recorded` is the name under which its
    sounds are kept, empty where they are not.
    """

    stream: str
    language: str
    id: int
    start: float
    end: float
    shown_at: float
    hidden_at: float
    source: str
    target: str
    outcome: messages.Outcome
    reason: str
    lateness: float
    speed: float
    stages: dict[str, float]
    speaker: int = 0
    recorded: str = ""


class Phrases(BaseModel):
    """Phrases, the newest last."""

    phrases: list[Phrase]


class RecordedDub(BaseModel):
    """A dub that has recorded phrases; `first` and `last` are Unix times at which they were heard."""

    stream: str
    language: str
    phrases: int
    bytes: int
    first: float
    last: float


class RecordedDubs(BaseModel):
    """All of them."""

    dubs: list[RecordedDub]


class Caption(BaseModel):
    """Both texts of a phrase, and when they are shown: Unix times and seconds on the output's timeline."""

    stream: str
    language: str
    id: int
    start: float
    end: float
    shown_at: float
    hidden_at: float
    source: str
    target: str
    speaker: int = 0


class BypassRequest(BaseModel):
    """`on`: original sound only; off: dubbing again."""

    on: bool


class RecordRequest(BaseModel):
    """`on`: keep the sounds of each phrase from the next one on."""

    on: bool


class SpeakerRequest(BaseModel):
    """Whose phrases a speaker's are from now on (its own number: its own), and its voice (empty: any)."""

    model_config = ConfigDict(extra="forbid")

    same: Number | None = None
    voice: VoiceName | None = None


class SwitchRequest(BaseModel):
    """The language to dub into instead."""

    language: str = Field(pattern=r"^[a-z]{2,3}$")


class SpokenRequest(BaseModel):
    """The language that is spoken, or `auto` to have it found out."""

    language: str = Field(pattern=r"^(auto|[a-z]{2,3})$")
