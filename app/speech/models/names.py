"""Which models a name stands for, where they lie, and which ones the settings use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings
from app.speech.models.folders import folder_name
from app.speech.models.table import BY_NAME

WHISPER = {
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
} | {
    name: f"Systran/faster-whisper-{name}"
    for name in (
        *(f"{size}{language}" for size in ("tiny", "base", "small", "medium") for language in ("", ".en")),
        "large-v1",
        "large-v2",
        "large-v3",
    )
}
"""Names of Whisper's sizes and where their CTranslate2 models are (faster_whisper.utils._MODELS)."""
XTTS = "xtts-v2"
OTHERS = {XTTS: "coqui/XTTS-v2"}
VOICES = "rhasspy/piper-voices"
CARRIED = "en_US-joe-medium"
"""The Piper voice that a package carries."""
_VOICE = re.compile(r"([a-z]{2,3})_[A-Z]{2}-\w+-(x_low|low|medium|high)")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class UnknownModel(ValueError):
    """A name that stands for no model."""


@dataclass(frozen=True)
class Model:
    """A model: the name of its folder under DATA_DIR/models, and its address on the hub, empty without one.

    `path` is its folder in a repository that holds many.
    """

    name: str
    repository: str
    path: str = ""


def find(name: str) -> Model:
    """The model of a name: a known one, a Piper voice, or `owner/model` on the hub. Raises UnknownModel."""
    if voice := _VOICE.fullmatch(name):
        language, (region, speaker, quality) = voice[1], name.split("-")
        return Model(name, VOICES, f"{language}/{region}/{speaker}/{quality}")
    if name in BY_NAME and "hub" not in BY_NAME[name].sources:
        return Model(name, "")
    repository = (WHISPER | OTHERS).get(name, name)
    if not _NAME.fullmatch(repository) or "/" not in repository:
        raise UnknownModel(
            f"unknown model {name!r}; name one of {', '.join(sorted({*WHISPER, *OTHERS, *BY_NAME}))}, "
            "a Piper voice such as es_ES-davefx-medium, or a model of the hub as owner/model; or put its "
            "folder into DATA_DIR/models"
        )
    return Model(folder_name(name), repository)


def used(settings: Settings) -> list[str]:
    """Names of all models that the settings name or need."""
    names = list(settings.preload_models)
    if settings.asr_engine == "whisper":
        names.append(settings.asr_model or "small")
    if settings.mt_engine == "ctranslate2" and settings.mt_model:
        names.append(settings.mt_model)
    if settings.tts_engine == "xtts":
        names.append(settings.tts_model or XTTS)
    elif settings.tts_engine != "espeak" and fetchable(settings.tts_model, settings.voices_dir):
        names.append(settings.tts_model)
    return list(dict.fromkeys(names))


def fetchable(voice: str, voices_dir: Path) -> bool:
    """Whether a voice is one of Piper's that neither a package nor VOICES_DIR holds."""
    return voice != CARRIED and bool(_VOICE.fullmatch(voice)) and not (voices_dir / f"{voice}.onnx").is_file()
