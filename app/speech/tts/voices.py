"""Which voice speaks: the engine's own names, a language's first, or one of the cloud's names."""

from __future__ import annotations

from typing import Any

from app.speech.rest.errors import ApiError
from app.speech.types import SpeechError, Synthesiser

CLOUD = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "onyx",
    "nova",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
"""OpenAI's voices (the `openai` client's Voice): each stands for one of the language's own, in turn."""


def choose(engine: Synthesiser, voice: str, language: str, default: str) -> tuple[str, str]:
    """(voice, language) for what a client asks; `default` is the language where nothing tells it.

    Raises ApiError for a voice or language that the engine hasn't got.
    """
    if voice in CLOUD or not voice:
        spoken = language or default
        own = engine.voices(spoken)
        if not own and not language:
            spoken = next(iter(engine.languages), default)
            own = engine.voices(spoken)
        if not own:
            raise ApiError(
                400, f"there is no voice for the language {spoken!r}", "unknown_language", "language"
            )
        return own[CLOUD.index(voice) % len(own) if voice else 0], spoken
    plain = voice.split("+")[0]
    likely = plain.replace("_", "-").split("-")[0].lower()
    for spoken in dict.fromkeys((language, likely, default, *engine.languages)):
        try:
            if spoken and (not language or spoken == language) and engine.has(voice, spoken):
                return voice, spoken
        except SpeechError:
            continue
    raise ApiError(
        404,
        f"there is no voice {voice!r}{f' for {language}' if language else ''}; GET /v1/voices lists them",
        "voice_not_found",
        "voice",
    )


def listing(engine: Synthesiser) -> dict[str, Any]:
    """All voices with their languages, and the cloud's names."""
    found: dict[str, list[str]] = {}
    for language in engine.languages:
        for voice in engine.voices(language):
            found.setdefault(voice, []).append(language)
    data = [{"id": voice, "object": "voice", "languages": spoken} for voice, spoken in found.items()]
    return {"object": "list", "data": data, "aliases": list(CLOUD)}
