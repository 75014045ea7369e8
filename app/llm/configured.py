"""Which language model the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.known import OPENROUTER
from app.settings import Settings

if TYPE_CHECKING:
    from app.llm.client import LanguageModel


def named(settings: Settings) -> bool:
    """Whether the settings name a model."""
    return bool(settings.llm_model and address_of(settings))


def address_of(settings: Settings) -> str:
    """Where the settings say that it is; empty where they don't."""
    router = OPENROUTER if settings.openrouter_api_key.get_secret_value() else ""
    return settings.llm_base_url or router


def configured(settings: Settings, least_timeout: float = 0.0) -> LanguageModel | None:
    """The model that the settings name, None where they name none. It is given LLM_TIMEOUT to answer, and
    at least so many seconds.
    """
    address = address_of(settings)
    if not named(settings):
        return None
    # Its client takes 14 MB and half a second: for those alone who use it.
    from app.llm.client import LanguageModel

    router_key = settings.openrouter_api_key.get_secret_value()
    key = settings.llm_api_key.get_secret_value() or (router_key if address == OPENROUTER else "")
    timeout = max(settings.llm_timeout, least_timeout)
    return LanguageModel(address, settings.llm_model, key, timeout)
