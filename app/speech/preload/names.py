"""Which models a name stands for, and which ones the settings use. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.settings import Settings

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
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class UnknownModel(ValueError):
    """A name that stands for no model."""


@dataclass(frozen=True)
class Model:
    """A model: the name of its folder under DATA_DIR/models, and its address on the hub."""

    name: str
    repository: str


def find(name: str) -> Model:
    """The model of a name: a known one, or `owner/model` on the hub. Raises UnknownModel."""
    repository = (WHISPER | OTHERS).get(name, name)
    if not _NAME.fullmatch(repository) or "/" not in repository:
        raise UnknownModel(
            f"unknown model {name!r}; name one of {', '.join(sorted(WHISPER | OTHERS))}, or one of the hub "
            "as owner/model"
        )
    return Model(name.rsplit("/", 1)[-1], repository)


def used(settings: Settings) -> list[str]:
    """Names of all models that the settings name or need."""
    names = list(settings.preload_models)
    if settings.asr_engine == "whisper":
        names.append(settings.asr_model or "small")
    if settings.mt_engine == "ctranslate2" and settings.mt_model:
        names.append(settings.mt_model)
    if settings.tts_engine == "xtts":
        names.append(settings.tts_model or XTTS)
    return list(dict.fromkeys(names))
