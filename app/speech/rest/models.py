"""Which models there are: the configured engine, and the cloud's names for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.speech.lifecycle import Lifecycle
from app.speech.rest.errors import ApiError
from app.speech.types import Engine

OWNER = "voicestack"
ASR_ALIASES = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-transcribe",
    "gpt-4o-transcribe-diarize",
)
TTS_ALIASES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
"""OpenAI's names (the `openai` client's AudioModel and SpeechModel): programs name these."""


def source_of(engine: Engine) -> str:
    """Where the engine's model came from, once it is loaded; empty for one that is part of its program."""
    return str(getattr(engine, "source", ""))


class Models:
    """The one model of a service, under its own name, its engine's and the cloud's."""

    def __init__(self, name: str, engine: str, aliases: Sequence[str], created: int) -> None:
        self.name = name or engine
        self.names = tuple(dict.fromkeys((self.name, engine, *aliases)))
        self.created = created

    def check(self, model: str) -> None:
        """Raises ApiError where a client asks for a model that isn't there."""
        if model not in self.names:
            raise ApiError(
                404,
                f"the model {model!r} does not exist here; there are: {', '.join(self.names)}",
                "model_not_found",
                "model",
            )

    def listing(self, lifecycle: Lifecycle[Any]) -> dict[str, Any]:
        """All names, as OpenAI lists models, with what is loaded and how much memory it holds."""
        return {"object": "list", "data": [self.one(name, lifecycle) for name in self.names]}

    def one(self, name: str, lifecycle: Lifecycle[Any]) -> dict[str, Any]:
        """One of the names. Raises ApiError where there is none of it."""
        self.check(name)
        engine: Engine = lifecycle.engine
        return {
            "id": name,
            "object": "model",
            "created": self.created,
            "owned_by": OWNER,
            "alias_of": None if name == self.name else self.name,
            "engine": engine.name,
            "source": source_of(engine),
            "device": engine.device,
            "loaded": lifecycle.loaded,
            "in_use": lifecycle.users,
            "memory_mb": round(lifecycle.memory_mb),
            "memory_expected_mb": engine.memory,
            "licences": [f"{licence.part}: {licence.spdx}" for licence in engine.licences],
        }
