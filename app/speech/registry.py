"""Which engines a process uses: chosen by name from the settings, loaded lazily, warmed up together."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from app.llm.configured import configured
from app.settings import Settings
from app.speech.auto import FirstThatHears, FirstThatSpeaks, whisper_model
from app.speech.models import places
from app.speech.models.table import KOKORO
from app.speech.types import AUTO, Engine, Recogniser, Synthesiser, Translator

MOST_AT_ONCE = 4
"""Pieces of streams that are recognised at the same time, at most; one a core."""


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


def _pocketsphinx(_: Settings, any_language: bool = False) -> Engine:  # noqa: ARG001
    return _new("pocketsphinx", "PocketSphinx")()


def _whisper(settings: Settings, any_language: bool = False) -> Engine:
    return _whisper_of(settings.asr_model, settings, files=any_language)


def _whisper_of(model: str, settings: Settings, *, files: bool) -> Engine:
    """Whisper, with pieces of several streams at once, or one file's after the other in batches."""
    at_once = 1 if files else min(MOST_AT_ONCE, os.cpu_count() or 1)
    return _new("whisper", "Whisper")(model, settings.asr_device, settings.models_dir, at_once)


def _apertium(settings: Settings) -> Engine:
    pairs = tuple((settings.first_language, target) for target in settings.target_languages)
    return _new("apertium", "Apertium")(warm=pairs)


def _ctranslate2(settings: Settings) -> Engine:
    return _new("ctranslate2", "CTranslate2")(settings.mt_model, settings.asr_device, settings.models_dir)


def _llm(settings: Settings) -> Engine:
    return _new("llm", "Llm")(configured(settings), _apertium(settings))


def _identity(_: Settings) -> Engine:
    return _new("identity", "Identity")()


def _espeak(_: Settings) -> Engine:
    return _new("espeak", "Espeak")()


def _piper(settings: Settings) -> Engine:
    return _new("piper", "Piper")(
        settings.voices_dir, settings.tts_device, settings.target_languages, settings.models_dir
    )


def _kokoro(settings: Settings) -> Engine:
    return _new("kokoro", "Kokoro")(settings.models_dir)


def _pico(_: Settings) -> Engine:
    return _new("pico", "Pico")()


def _xtts(settings: Settings) -> Engine:
    return _new("xtts", "Xtts")(
        settings.tts_model, settings.tts_device, settings.models_dir, settings.voices_dir
    )


def _best_recogniser(settings: Settings, any_language: bool = False) -> Engine:
    model = whisper_model(settings, any_language)
    light = _pocketsphinx(settings)
    if not model:
        return light
    whisper = _whisper_of(model, settings, files=any_language)
    # PocketSphinx knows English alone: for others Whisper's own error says what is missing.
    if settings.source_language not in light.languages:  # type: ignore[attr-defined]
        return whisper
    return FirstThatHears([whisper, light])  # type: ignore[list-item]


LIGHT_TRANSLATORS = ("apertium", "identity")
"""Those that Whisper's own translation is better than (docs/decisions/0021)."""


def into_english(engines: Engines, target: str) -> bool:
    """Whether the recogniser gives the dub's words itself: English, for whatever is spoken."""
    return target == "en" and engines.recogniser.into_english and engines.translator.name in LIGHT_TRANSLATORS


def translates(engines: Engines, source: str, target: str) -> bool:
    """Whether what is spoken can be dubbed into the target; what is found out may turn out not to be."""
    if into_english(engines, target) and source != target:
        return True
    translator = engines.translator
    if source == AUTO:
        return any(to == target for _, to in translator.pairs)
    return translator.supports(source, target)


def _best_voices(settings: Settings) -> Engine:
    neural = [_kokoro(settings)] if places.available(KOKORO, settings.models_dir) else []
    return FirstThatSpeaks([_piper(settings), *neural, _pico(settings), _espeak(settings)])  # type: ignore[list-item]


def _new(module: str, name: str) -> Callable[..., Engine]:
    factory: Callable[..., Engine] = getattr(importlib.import_module(f"app.speech.engines.{module}"), name)
    return factory


FACTORIES: dict[str, dict[str, Callable[..., Engine]]] = {
    "asr": {"auto": _best_recogniser, "pocketsphinx": _pocketsphinx, "whisper": _whisper},
    "mt": {"apertium": _apertium, "ctranslate2": _ctranslate2, "identity": _identity, "llm": _llm},
    "tts": {
        "auto": _best_voices,
        "piper": _piper,
        "kokoro": _kokoro,
        "pico": _pico,
        "espeak": _espeak,
        "xtts": _xtts,
    },
}


def recogniser(settings: Settings, any_language: bool = False) -> Recogniser:
    """The recogniser that the settings name; `auto` prefers one for SOURCE_LANGUAGE, or for any language."""
    return FACTORIES["asr"][settings.asr_engine](settings, any_language)  # type: ignore[return-value]


def choose(settings: Settings) -> Engines:
    """The engines that the settings name; nothing is loaded yet."""
    return Engines(
        recogniser(settings),
        FACTORIES["mt"][settings.mt_engine](settings),  # type: ignore[arg-type]
        FACTORIES["tts"][settings.tts_engine](settings),  # type: ignore[arg-type]
    )


def speaker(synthesiser: Synthesiser, language: str, voice: str) -> str:
    """Name of the engine that speaks with that voice."""
    if isinstance(synthesiser, FirstThatSpeaks):
        return synthesiser.choice(language, voice).name
    return synthesiser.name
