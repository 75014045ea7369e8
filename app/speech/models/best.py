"""`python -m app models best`: the models that are recommended for a language pair, shown, then fetched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from app.settings import Settings
from app.speech import licences
from app.speech.models.command import BAD_NAME, FAILED, fetched
from app.speech.models.fetch import wanted
from app.speech.models.folders import complete
from app.speech.models.hub import FetchFailed, Hub
from app.speech.models.names import CARRIED, Model, find
from app.terminal import show_table

RECOGNISER = "small"
"""A size of Whisper. It computes with int8 on a processor, whatever the file holds."""
JOE = (CARRIED, licences.JOE_VOICE.spdx)


@dataclass(frozen=True)
class Best:
    """What is recommended for a pair: an OPUS-MT model in CTranslate2's form, and a Piper voice."""

    translator: str
    voice: str
    voice_licence: str
    """As the voice's MODEL_CARD states it."""


BEST = {
    "en-es": Best("michaelfeil/ct2fast-opus-mt-en-es", "es_ES-davefx-medium", "CC0-1.0"),
    "es-en": Best("michaelfeil/ct2fast-opus-mt-es-en", *JOE),
    "en-fr": Best("michaelfeil/ct2fast-opus-mt-en-fr", "fr_FR-siwis-medium", "CC-BY-4.0"),
    "fr-en": Best("michaelfeil/ct2fast-opus-mt-fr-en", *JOE),
    "en-de": Best("michaelfeil/ct2fast-opus-mt-en-de", "de_DE-thorsten-medium", "CC0-1.0"),
}
"""By pair. Only repositories that were seen to hold a model, its vocabulary and both SentencePiece models."""


def best(settings: Settings, pair: str, agreed: Callable[[], bool]) -> int:
    """Shows the pair's models, fetches them where `agreed`, and prints the settings that use them."""
    if pair not in BEST:
        print(
            f"no models are recommended for {pair!r}; there are some for {', '.join(BEST)}. For others put "
            "an OPUS-MT or NLLB model for CTranslate2 into DATA_DIR/models (MT_MODEL)",
            file=sys.stderr,
        )
        return BAD_NAME
    choice = BEST[pair]
    parts = (
        ("recognition", RECOGNISER, licences.WHISPER_MODELS.spdx),
        ("translation", choice.translator, f"{licences.OPUS_MT_MODELS.spdx} (name the authors)"),
        ("voice", choice.voice, choice.voice_licence),
    )
    with Hub() as hub:
        try:
            rows = [(part, name, _size(hub, settings, name), licence) for part, name, licence in parts]
        except FetchFailed as error:
            print(error, file=sys.stderr)
            return FAILED
        show_table(("For", "Model", "Size", "Licence"), rows)
        missing = [find(name) for _, name, _ in parts if not _here(settings, name)]
        if missing and not agreed():
            return FAILED
        if not fetched(hub, missing, settings.models_dir, settings.force_download):
            return FAILED
    source, target = pair.split("-")
    print("\nTo use them, put this into .env:\n")
    print(f"SOURCE_LANGUAGE={source}\nTARGET_LANGUAGES={target}\nASR_MODEL={RECOGNISER}")
    print(f"MT_ENGINE=ctranslate2\nMT_MODEL={choice.translator}\nTTS_ENGINE=piper\nTTS_MODEL={choice.voice}")
    return 0


def _here(settings: Settings, name: str) -> bool:
    """Whether it is in its folder, or in the package that comes with `make setup`."""
    return name == CARRIED or complete(settings.models_dir / find(name).name)


def _size(hub: Hub, settings: Settings, name: str) -> str:
    """What there is to fetch, as the hub tells it. Raises FetchFailed."""
    if _here(settings, name):
        return "is there"
    model: Model = find(name)
    files = wanted(hub.files(model.repository, model.path), model.path)
    return f"{sum(file.size for file in files.values()) / 1e6:.0f} MB"
