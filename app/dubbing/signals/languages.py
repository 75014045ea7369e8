"""The languages of tracks as transport streams tell them (ISO 639-2), as the rest of us does (ISO 639-1)."""

from __future__ import annotations

import re

SHORT = {
    "ara": "ar", "baq": "eu", "bul": "bg", "cat": "ca", "ces": "cs", "chi": "zh", "cze": "cs", "dan": "da",
    "deu": "de", "dut": "nl", "ell": "el", "eng": "en", "est": "et", "eus": "eu", "fas": "fa", "fin": "fi",
    "fra": "fr", "fre": "fr", "ger": "de", "gle": "ga", "glg": "gl", "gre": "el", "heb": "he", "hin": "hi",
    "hrv": "hr", "hun": "hu", "ice": "is", "ind": "id", "isl": "is", "ita": "it", "jpn": "ja", "kor": "ko",
    "lav": "lv", "lit": "lt", "nld": "nl", "nor": "no", "per": "fa", "pol": "pl", "por": "pt", "ron": "ro",
    "rum": "ro", "rus": "ru", "slk": "sk", "slo": "sk", "slv": "sl", "spa": "es", "srp": "sr", "swa": "sw",
    "swe": "sv", "tam": "ta", "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur", "vie": "vi", "zho": "zh",
}  # fmt: skip
SAYS_NOTHING = frozenset({"und", "mul", "mis", "zxx"})
"""Undetermined, several, other, none; from qaa to qtz every broadcaster means something of its own."""


def short(code: str | None) -> str:
    """The language as two letters, or as three where it has no shorter name; empty where none is told."""
    code = (code or "").lower()
    if not re.fullmatch("[a-z]{2,3}", code) or code in SAYS_NOTHING or "qaa" <= code <= "qtz":
        return ""
    return SHORT.get(code, code)
