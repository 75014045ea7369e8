"""PostgreSQL's dictionaries for full-text search, by language."""

from __future__ import annotations

DICTIONARIES = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""Those that PostgreSQL 15 and 16 bring along (\\dF)."""
SIMPLE = "simple"
"""For the other languages: words as they are, in lower case."""


def dictionary(language: str) -> str:
    """The dictionary that words of a language are found by."""
    return DICTIONARIES.get(language, SIMPLE)
