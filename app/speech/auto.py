"""ASR_ENGINE=auto and TTS_ENGINE=auto: the best engines that are here, lighter ones where they fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from app.settings import Settings
from app.speech.models import places
from app.speech.models.table import BASE, TINY_EN
from app.speech.pitch import Pitches
from app.speech.types import Recogniser, RecogniserSession, Samples, SpeechError, Synthesiser

log = structlog.get_logger(__name__)


def whisper_model(settings: Settings, any_language: bool) -> str:
    """The Whisper model that is there for what is asked for; empty where none is.

    `any_language` prefers one that knows many languages to a quick one for SOURCE_LANGUAGE.
    """
    if settings.asr_model:
        return settings.asr_model
    english = settings.source_language == "en"
    wanted = (BASE, TINY_EN) if any_language or not english else (TINY_EN, BASE)
    usable = [name for name in wanted if english or name != TINY_EN]
    return next((name for name in usable if places.available(name, settings.models_dir)), "")


class FirstThatHears:
    """The first recogniser that loads. What it tells of itself is the one's that hears."""

    def __init__(self, choices: Sequence[Recogniser]) -> None:
        self._choices = tuple(choices)
        self._hearing = choices[0]

    def load(self) -> None:
        """Loads the first that can be. Raises the first one's EngineMissing where none can."""
        problems = []
        for choice in self._choices:
            try:
                choice.load()
            except SpeechError as error:
                log.warning("a lighter recogniser is used", instead_of=choice.name, reason=str(error))
                problems.append(error)
            else:
                self._hearing = choice
                return
        raise problems[0]

    def close(self) -> None:
        """Frees the one that hears."""
        self._hearing.close()

    def session(self, language: str, translate: bool = False) -> RecogniserSession:
        """A session of the one that hears."""
        return self._hearing.session(language, translate)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hearing, name)


class FirstThatSpeaks:
    """For each language the first engine that has a voice for it."""

    name = "auto"

    def __init__(self, choices: Sequence[Synthesiser]) -> None:
        self.choices = tuple(choices)
        self.licences = tuple(licence for choice in choices for licence in choice.licences)
        self.memory = sum(choice.memory for choice in choices)
        self.device = choices[0].device

    def load(self) -> None:
        """Loads the choices that are installed. Raises EngineMissing where none is."""
        usable, problems = [], []
        for choice in self.choices:
            try:
                choice.load()
                usable.append(choice)
            except SpeechError as error:
                log.warning("a voice engine is left out", engine=choice.name, reason=str(error))
                problems.append(error)
        if not usable:
            raise problems[0]
        self.choices = tuple(usable)
        self.device = usable[0].device

    def close(self) -> None:
        """Frees the choices."""
        for choice in self.choices:
            choice.close()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of every engine, best engine first."""
        return tuple(dict.fromkeys(code for choice in self.choices for code in choice.languages))

    @property
    def source(self) -> str:
        """Where the models of the engines came from."""
        return "; ".join(filter(None, (str(getattr(choice, "source", "")) for choice in self.choices)))

    def voices(self, language: str) -> Sequence[str]:
        """The voices of every engine, best engine first."""
        return [voice for choice in self.choices for voice in choice.voices(language)]

    def has(self, voice: str, language: str) -> bool:
        """Whether one of the engines has the voice."""
        return any(choice.has(voice, language) for choice in self.choices)

    def pitches(self, language: str) -> Mapping[str, float]:
        """Those of every engine; of the last, which is understood worst, only where no other speaks."""
        having = [choice for choice in self.choices if choice.voices(language)]
        better = [choice for choice in having if choice is not self.choices[-1]] or having
        # Of the same name the better engine's counts, but the order is that of the engines.
        found: dict[str, Callable[[], float]] = {}
        for choice in better:
            offered = choice.pitches(language)
            for voice in offered:
                found.setdefault(voice, partial(offered.__getitem__, voice))
        return Pitches(found)

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        """The speech, by the engine that has the voice."""
        return self.choice(language, voice).speak(text, language, voice, speed)

    def choice(self, language: str, voice: str) -> Synthesiser:
        """The engine that has the voice, or where none is named, one for the language."""
        having = [choice for choice in self.choices if choice.voices(language)]
        for choice in having:
            if not voice or choice.has(voice, language):
                return choice
        raise SpeechError(f"no voice {voice!r} for {language}")
