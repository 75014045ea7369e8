"""What the dubber and a worker tell each other over their pipe: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app.dubbing.signals.kept import Signal
from app.dubbing.tracks import Chosen
from app.speech.protocol import KnownSpeaker, Profile, Speakers

Phase = Literal["connecting", "waiting", "running", "source_lost"]
Outcome = Literal["in_time", "late", "dropped", "passed_through", "wordless"]


@dataclass(frozen=True)
class WorkerConfig:
    """All that a worker needs to know. The first three addresses carry credentials, `sts_key` is one: never
    log them.

    `look_at` is where the media server tells whether somebody publishes to the dub's path; `loudness` is what
    the sound is brought to in LUFS, None for as it comes; `captions_608`: the picture carries captions;
    `breaks_original`: nothing is dubbed between the stream's splices.
    """

    stream: str
    language: str
    source_url: str = field(repr=False)
    publish_url: str = field(repr=False)
    look_at: str = field(repr=False)
    sts_addresses: tuple[str, ...]
    source_language: str
    voice: str
    profile: str
    reconnect_delay: float
    max_reconnect_delay: float
    record: bool
    log_level: str
    log_format: str
    wording: Profile = field(default_factory=Profile)
    loudness: float | None = None
    captions_608: bool = False
    chosen: Chosen = field(default_factory=Chosen)
    breaks_original: bool = True
    sts_key: str = field(default="", repr=False)
    speakers: Speakers = field(default_factory=lambda: Speakers(on=False))

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return {"stream": self.stream, "language": self.language}


@dataclass(frozen=True)
class Bypass:
    """Operator's command: original sound only, or dubbing again."""

    on: bool


@dataclass(frozen=True)
class Spoken:
    """This language is spoken from the next phrase on (auto: find it out)."""

    language: str


@dataclass(frozen=True)
class RecordPhrases:
    """Operator's command: keep the sounds of each phrase, from the next one on, or keep none."""

    on: bool


@dataclass(frozen=True)
class SourceReady:
    """The publisher is there (again): connect now, to this address, instead of at the next attempt."""

    source_url: str = field(repr=False)


@dataclass(frozen=True)
class ChooseTracks:
    """These sound tracks are voice and background from now on; the source is read at this address."""

    chosen: Chosen
    source_url: str = field(repr=False)


@dataclass(frozen=True)
class Reword:
    """The stream's wording into this language has been edited."""

    profile: Profile


@dataclass(frozen=True)
class TellApart:
    """How speakers are told apart, and what the operator corrected of it."""

    speakers: Speakers


@dataclass(frozen=True)
class SpeechAddresses:
    """These are the addresses of the speech hosts from now on, best first."""

    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Stop:
    """Finish: close the output and exit."""


@dataclass(frozen=True)
class Drain:
    """Take nothing more in, play out what was taken in, then finish."""


@dataclass(frozen=True)
class SentencePart:
    """A part of a sentence that is to be said, small enough for the pipe: mono sound, 16 bit, at `rate` Hz.

    It tells what was seen `ago` seconds ago; of a new scene, if so.
    """

    id: int
    ago: float
    new_scene: bool
    rate: int
    pcm: bytes = field(repr=False)
    last: bool


@dataclass(frozen=True)
class Dubbed:
    """The dubs that are joined: of each its language, address (with credentials), and delay in seconds."""

    dubs: tuple[tuple[str, str, float], ...] = field(repr=False)


@dataclass(frozen=True)
class Caption:
    """Both texts of a phrase as soon as they are known, which may be before they are heard.

    `speaker` is who says it, 0 where that isn't known.
    """

    id: int
    start: float
    end: float
    shown_at: float
    hidden_at: float
    source: str
    target: str
    speaker: int = 0


@dataclass(frozen=True)
class Said:
    """A dub's caption, for whoever joins."""

    language: str
    caption: Caption


@dataclass(frozen=True)
class Original:
    """Where the stream itself is read whose dub is sent on, how many seconds behind it the dub is, in which
    language it is spoken, as far as that is known, and which of its sound tracks are voice and background.
    """

    source_url: str = field(repr=False)
    delay: float
    spoken: str
    chosen: Chosen = field(default_factory=Chosen)


@dataclass(frozen=True)
class Signalled:
    """A signal of the stream, for whoever makes something of it; or from who takes the stream in."""

    signal: Signal


@dataclass(frozen=True)
class Breaks:
    """What is heard where splices leave the programme until they come back: the original, or dubs."""

    original: bool


Command = (
    Bypass
    | Spoken
    | RecordPhrases
    | Reword
    | TellApart
    | SpeechAddresses
    | SourceReady
    | ChooseTracks
    | SentencePart
    | Dubbed
    | Said
    | Original
    | Signalled
    | Breaks
    | Stop
    | Drain
)


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
    taken as: voice, background, or nothing.
    """

    kind: Literal["video", "audio"]
    codec: str
    detail: str
    number: int = 0
    title: str = ""
    language: str = ""
    use: str = ""


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
class Sounds:
    """A phrase's sounds as FLAC files: what was said, and the dub as it is heard, empty without one."""

    original: bytes = field(repr=False)
    dub: bytes = field(repr=False)


@dataclass(frozen=True)
class Phrase:
    """The record of one phrase.

    `start` and `end` are seconds on the output's timeline; `shown_at` and `hidden_at` are Unix times
    at which that sound leaves the output; `lateness` and `speed` are of the dub, 0 without one;
    `stages` are seconds by stage (waited, recognise, translate, synthesise, answer); `sounds` are there
    where it is recorded. `speaker` is who says it, 0 where that isn't known.
    """

    id: int
    start: float
    end: float
    shown_at: float
    hidden_at: float
    source: str
    target: str
    outcome: Outcome
    reason: str
    lateness: float
    speed: float
    stages: dict[str, float]
    sounds: Sounds | None = None
    speaker: int = 0


@dataclass(frozen=True)
class RestreamConfig:
    """A dub that is sent on to another server, with the `original` as a second sound track or without.

    Both addresses carry credentials: never log them.
    """

    stream: str
    language: str
    target: str
    source_url: str = field(repr=False)
    address: str = field(repr=False)
    original: bool
    reconnect_delay: float
    max_reconnect_delay: float
    log_level: str
    log_format: str

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return {"stream": self.stream, "language": self.language, "target": self.target}


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
class DescribeConfig:
    """A stream that is published with descriptions. The addresses carry credentials: never log them."""

    stream: str
    source_url: str = field(repr=False)
    publish_url: str = field(repr=False)
    look_at: str = field(repr=False)
    reconnect_delay: float
    max_reconnect_delay: float
    log_level: str
    log_format: str
    chosen: Chosen = field(default_factory=Chosen)

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return {"stream": self.stream, "described": "yes"}


@dataclass(frozen=True)
class DescribeState:
    """The heartbeat of a process that describes, sent twice a second; the counts are of sentences."""

    phase: Phase
    said: int
    dropped: int
    reconnects: int
    note: str = ""


@dataclass(frozen=True)
class JoinConfig:
    """A stream that is joined with its dubs in `folder`. The address carries credentials: never log it.

    So many seconds (`window`) and bytes of it are kept; what is `kept` stays when the stream has ended.
    """

    stream: str
    source_url: str = field(repr=False)
    folder: str
    window: float
    most_bytes: int
    kept: bool
    spoken: str
    reconnect_delay: float
    max_reconnect_delay: float
    log_level: str
    log_format: str
    chosen: Chosen = field(default_factory=Chosen)

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return {"stream": self.stream, "joined": "yes"}


UNWRITTEN = "can't be written"
"""Stands in a JoinState's problem where the disk is the problem."""


@dataclass(frozen=True)
class JoinState:
    """The heartbeat of a process that joins, sent twice a second; it reads these languages."""

    segments: int
    languages: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True)
class IntakeConfig:
    """A transport stream that is taken in. All addresses may carry credentials: never log them.

    `look_at` is where the media server tells whether somebody publishes to the stream's path.
    """

    stream: str
    address: str = field(repr=False)
    publish_url: str = field(repr=False)
    look_at: str = field(repr=False)
    reconnect_delay: float
    max_reconnect_delay: float
    log_level: str
    log_format: str

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return {"stream": self.stream, "taken_in": "yes"}


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
Event = State | RestreamState | DescribeState | JoinState | IntakeState | Phrase | Caption | Signalled
