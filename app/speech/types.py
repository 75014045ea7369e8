"""The three speech protocols and the words that pass between them: arrays and text, no files.

Sound is float32 mono in [-1, 1]. A recogniser hears `RECOGNISER_RATE` Hz. Times are in seconds on
the recogniser session's own timeline, which starts at 0 with the first sample it is fed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from app.speech.licences import Licence

Samples = NDArray[np.float32]

RECOGNISER_RATE = 16000
AUTO = "auto"
"""In place of a language: the recogniser finds it out."""


class SpeechError(Exception):
    """An engine cannot do what is asked. The message says what, and what to do about it."""


class EngineMissing(SpeechError):
    """A program, package, model or device that an engine needs is not there."""


class TooSlow(SpeechError):
    """What was asked for was not ready within its time."""


@dataclass(frozen=True)
class Word:
    """A recognised word and the time it spans, in seconds."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        """The time by which the word counts as said, in seconds."""
        return (self.start + self.end) / 2


class Engine(Protocol):
    """What every engine tells about itself. `load` is called once, in a worker thread."""

    name: str
    licences: tuple[Licence, ...]
    memory: int
    """Memory it needs once loaded, in MB, roughly."""
    device: str
    """Where it runs: cpu or cuda."""

    def load(self) -> None:
        """Loads and warms up, so that the first request is as quick as the next. Raises EngineMissing."""

    def close(self) -> None:
        """Frees what `load` took."""


class RecogniserSession(Protocol):
    """One speaker's sound, as it arrives. Used by one thread at a time."""

    def feed(self, samples: Samples) -> None:
        """Hears more sound, which follows what it heard before without a gap."""

    def commit(self, until: float, pause: bool) -> list[Word]:
        """The words not yet committed whose middle lies before `until`; they are never revised.

        `pause` says that silence follows, so that everything up to `until` may be settled.
        """

    def partial(self) -> list[Word]:
        """What it takes the words not yet committed for, at the moment; any of them may change."""

    def skip(self, until: float) -> None:
        """Gives up the words up to `until` without the work of finding them."""

    def prompt(self, text: str) -> None:
        """Told what is spoken of and with which names, from now on; one that has no use for it ignores it."""

    def reset(self) -> None:
        """Sound is missing from here: forgets what it heard; time starts again at 0."""

    def close(self) -> None:
        """Gives back what the session holds."""


@runtime_checkable
class Polyglot(Protocol):
    """A recogniser's session that finds out which language is spoken, or is told another one."""

    language: str
    """What is spoken (ISO 639); empty where it isn't known yet."""

    @property
    def translates(self) -> bool:
        """Whether its words are English although another language is spoken."""

    def listen_for(self, language: str) -> None:
        """This is spoken from here on (`AUTO`: find it out). Raises SpeechError where it isn't known."""

    def silence(self, seconds: float) -> None:
        """Nothing was said for so long: after a long time another may speak."""


class Recogniser(Engine, Protocol):
    """Speech to words."""

    languages: tuple[str, ...]
    """ISO 639 codes, or ("*",) where it takes any."""
    hears_anew: bool
    """Whether each partial result is found from the sound anew, so that two that agree can be trusted."""

    into_english: bool
    """Whether its sessions can give English words for speech in another language."""

    def session(self, language: str, translate: bool = False) -> RecogniserSession:
        """A new session. `AUTO` finds the language out; `translate` gives English words.

        Raises SpeechError where that can't be done.
        """


class Translator(Engine, Protocol):
    """Text to text in another language."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(source, target) of what it can do; empty where that depends on the model alone."""

    def supports(self, source: str, target: str) -> bool:
        """Whether it translates that pair."""

    def translate(self, text: str, source: str, target: str, context: str = "") -> str:
        """The translation. `context` is what was said before. Raises SpeechError, never echoes `text`."""


@runtime_checkable
class HurriedTranslator(Protocol):
    """A translator that may take long: it is told how long it may, and who did the work is told by it."""

    told: Callable[[str], None]
    """Called with the name of the engine that translated."""

    def within(self, seconds: float) -> Translator:
        """The same, for one phrase that has to be translated within `seconds` from now.

        Its name becomes that of the engine that translated.
        """


class Synthesiser(Engine, Protocol):
    """Text to speech."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639 codes of the languages it has voices for."""

    def voices(self, language: str) -> Sequence[str]:
        """Names of the voices for a language, best first; empty where it has none."""

    def has(self, voice: str, language: str) -> bool:
        """Whether it has that voice for the language, with the variant (`es+f3`) where it names one.

        What is not listed is never handed on to a program or taken for a file's name.
        """

    def pitches(self, language: str) -> Mapping[str, float]:
        """Voices that speakers of a stream can be given, best first, each with its pitch in Hz (0: unknown).

        These may be variants that `voices` doesn't list. A pitch may be measured when it is asked for.
        """

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        """The speech and its sample rate in Hz. `speed` 1.0 is the voice's natural pace."""
