"""Which engines a process uses: chosen by name from the settings, loaded lazily, warmed up together."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.settings import Settings
from app.speech.types import Engine, Recogniser, Samples, SpeechError, Synthesiser, Translator


@dataclass
class Engines:
    """The three engines of a process."""

    recogniser: Recogniser
    translator: Translator
    synthesiser: Synthesiser

    @property
    def all(self) -> tuple[Engine, ...]:
        """The three, in the order of their use."""
        return (self.recogniser, self.translator, self.synthesiser)

    def load(self) -> None:
        """Loads and warms up everything. Raises EngineMissing."""
        for engine in self.all:
            engine.load()

    def close(self) -> None:
        """Frees everything."""
        for engine in self.all:
            engine.close()


class FirstThatSpeaks:
    """TTS_ENGINE=auto: for each language the first engine that has a voice for it."""

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

    def voices(self, language: str) -> Sequence[str]:
        """The voices of every engine, best engine first."""
        return [voice for choice in self.choices for voice in choice.voices(language)]

    def has(self, voice: str, language: str) -> bool:
        """Whether one of the engines has the voice."""
        return any(choice.has(voice, language) for choice in self.choices)

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


def _pocketsphinx(_: Settings) -> Engine:
    return _new("pocketsphinx", "PocketSphinx")()


def _whisper(settings: Settings) -> Engine:
    return _new("whisper", "Whisper")(settings.asr_model, settings.asr_device, settings.models_dir)


def _apertium(settings: Settings) -> Engine:
    pairs = tuple((settings.source_language, target) for target in settings.target_languages)
    return _new("apertium", "Apertium")(warm=pairs)


def _ctranslate2(settings: Settings) -> Engine:
    return _new("ctranslate2", "CTranslate2")(settings.mt_model, settings.asr_device, settings.models_dir)


def _identity(_: Settings) -> Engine:
    return _new("identity", "Identity")()


def _espeak(_: Settings) -> Engine:
    return _new("espeak", "Espeak")()


def _piper(settings: Settings) -> Engine:
    return _new("piper", "Piper")(settings.voices_dir, settings.tts_device, models_dir=settings.models_dir)


def _kokoro(settings: Settings) -> Engine:
    return _new("kokoro", "Kokoro")(settings.models_dir)


def _xtts(settings: Settings) -> Engine:
    return _new("xtts", "Xtts")(
        settings.tts_model, settings.tts_device, settings.models_dir, settings.voices_dir
    )


def _auto(settings: Settings) -> Engine:
    return FirstThatSpeaks([_piper(settings), _espeak(settings)])  # type: ignore[list-item]


def _new(module: str, name: str) -> Callable[..., Engine]:
    factory: Callable[..., Engine] = getattr(importlib.import_module(f"app.speech.engines.{module}"), name)
    return factory


FACTORIES: dict[str, dict[str, Callable[[Settings], Engine]]] = {
    "asr": {"pocketsphinx": _pocketsphinx, "whisper": _whisper},
    "mt": {"apertium": _apertium, "ctranslate2": _ctranslate2, "identity": _identity},
    "tts": {"auto": _auto, "piper": _piper, "kokoro": _kokoro, "espeak": _espeak, "xtts": _xtts},
}


def choose(settings: Settings) -> Engines:
    """The engines that the settings name; nothing is loaded yet."""
    return Engines(
        FACTORIES["asr"][settings.asr_engine](settings),  # type: ignore[arg-type]
        FACTORIES["mt"][settings.mt_engine](settings),  # type: ignore[arg-type]
        FACTORIES["tts"][settings.tts_engine](settings),  # type: ignore[arg-type]
    )


def speaker(synthesiser: Synthesiser, language: str, voice: str) -> str:
    """Name of the engine that speaks with that voice."""
    if isinstance(synthesiser, FirstThatSpeaks):
        return synthesiser.choice(language, voice).name
    return synthesiser.name
