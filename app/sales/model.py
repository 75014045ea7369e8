"""Which language model the settings name, what is said to it, and what it can't do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.settings import Settings

if TYPE_CHECKING:
    from app.sales.language_model import LanguageModel

OPENROUTER = "https://openrouter.ai/api/v1"
PROMPTS = Path(__file__).parent / "prompts"
ADVICE = "set LLM_BASE_URL and LLM_MODEL (Ollama, LM Studio, vLLM), or OPENROUTER_API_KEY and LLM_MODEL"


class ModelProblem(Exception):
    """The language model gives no usable answer. The message says why, never with a key in it."""


def prompt(name: str) -> str:
    """A prompt by its file's name."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")


def configured(settings: Settings) -> LanguageModel | None:
    """The model that the settings name, None where they name none."""
    router_key = settings.openrouter_api_key.get_secret_value()
    address = settings.llm_base_url or (OPENROUTER if router_key else "")
    if not address or not settings.llm_model:
        return None
    # Its client takes 14 MB and half a second: for those alone who use it.
    from app.sales.language_model import LanguageModel

    key = settings.llm_api_key.get_secret_value() or (router_key if address == OPENROUTER else "")
    return LanguageModel(address, settings.llm_model, key, settings.llm_timeout)
