"""What the dubber and its processes tell each other over their pipes: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app.dubbing.signals.kept import Signal
from app.dubbing.states import DescribeState, IntakeState, JoinState, RestreamState, State
from app.dubbing.tracks import Chosen
from app.speech.protocol import Profile, Speakers

Outcome = Literal["in_time", "late", "dropped", "passed_through", "wordless"]


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
class SourceGone:
    """The publisher is gone: don't ask the media server for the source until it is ready again.

    A path that nobody publishes to is made for whoever asks for it and closed again at once, and a publisher
    that comes in the same moment is refused (MediaMTX 1.13.1, `path.shouldClose`).
    """


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
class DubAt:
    """Where a dub is read, and where the media server tells whether it is there; both with credentials."""

    read: str = field(repr=False)
    look: str = field(repr=False)


@dataclass(frozen=True)
class Dubbed:
    """The dubs that are joined: of each its language, where it is, and its delay in seconds."""

    dubs: tuple[tuple[str, DubAt, float], ...]


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
    language it is spoken, as far as that is known, whether its publisher is `there`, and which of its sound
    tracks are voice and background.
    """

    source_url: str = field(repr=False)
    delay: float
    spoken: str
    there: bool = True
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
    | SourceGone
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


Event = State | RestreamState | DescribeState | JoinState | IntakeState | Phrase | Caption | Signalled
