"""Which language model the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.known import OPENROUTER
from app.settings import Settings

if TYPE_CHECKING:
    from app.llm.client import LanguageModel


def configured(settings: Settings) -> LanguageModel | None:
    """The model that the settings name, None where they name none."""
    router_key = settings.openrouter_api_key.get_secret_value()
    address = settings.llm_base_url or (OPENROUTER if router_key else "")
    if not address or not settings.llm_model:
        return None
    # Its client takes 14 MB and half a second: for those alone who use it.
    from app.llm.client import LanguageModel

    key = settings.llm_api_key.get_secret_value() or (router_key if address == OPENROUTER else "")
    return LanguageModel(address, settings.llm_model, key, settings.llm_timeout)
