"""What each process of the dubber is started with: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from app.dubbing.messages import DubAt
from app.dubbing.tracks import Chosen
from app.speech.protocol import Profile, Speakers


@dataclass(frozen=True)
class ProcessConfig:
    """What each of them needs: the stream that it works for, pauses in seconds, and how it logs."""

    stream: str
    reconnect_delay: float
    max_reconnect_delay: float
    log_level: str
    log_format: str

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return {"stream": self.stream}


@dataclass(frozen=True)
class WorkerConfig(ProcessConfig):
    """All that a worker needs to know. The first three addresses carry credentials, `sts_key` is one: never
    log them.

    `look_at` is where the media server tells whether somebody publishes to the dub's path; `loudness` is what
    the sound is brought to in LUFS, None for as it comes; `captions_608`: the picture carries captions;
    `breaks_original`: nothing is dubbed between the stream's splices.
    """

    language: str
    source_url: str = field(repr=False)
    publish_url: str = field(repr=False)
    look_at: str = field(repr=False)
    sts_addresses: tuple[str, ...]
    source_language: str
    voice: str
    profile: str
    record: bool
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
        return super().names | {"language": self.language}


@dataclass(frozen=True)
class RestreamConfig(ProcessConfig):
    """A dub that is sent on to another server, with the `original` as a second sound track or without.

    All addresses carry credentials: never log them.
    """

    language: str
    target: str
    dub: DubAt
    address: str = field(repr=False)
    original: bool

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return super().names | {"language": self.language, "target": self.target}


@dataclass(frozen=True)
class DescribeConfig(ProcessConfig):
    """A stream that is published with descriptions. The addresses carry credentials: never log them."""

    source_url: str = field(repr=False)
    publish_url: str = field(repr=False)
    look_at: str = field(repr=False)
    chosen: Chosen = field(default_factory=Chosen)

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return super().names | {"described": "yes"}


@dataclass(frozen=True)
class JoinConfig(ProcessConfig):
    """A stream that is joined with its dubs in `folder`. The address carries credentials: never log it.

    So many seconds (`window`) and bytes of it are kept; what is `kept` stays when the stream has ended.
    """

    source_url: str = field(repr=False)
    folder: str
    window: float
    most_bytes: int
    kept: bool
    spoken: str
    chosen: Chosen = field(default_factory=Chosen)

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return super().names | {"joined": "yes"}


@dataclass(frozen=True)
class IntakeConfig(ProcessConfig):
    """A transport stream that is taken in. All addresses may carry credentials: never log them.

    `look_at` is where the media server tells whether somebody publishes to the stream's path.
    """

    address: str = field(repr=False)
    publish_url: str = field(repr=False)
    look_at: str = field(repr=False)

    @property
    def names(self) -> dict[str, str]:
        """What it works on, for the log."""
        return super().names | {"taken_in": "yes"}


Config = TypeVar("Config", bound=ProcessConfig)
