"""Languages of tracks as transport streams have them (ISO 639-2), and as the rest of us does (ISO 639-1)."""

from __future__ import annotations

import re

THREE = {
    "ar": "ara", "bg": "bul", "bn": "ben", "ca": "cat", "cs": "ces", "cy": "cym", "da": "dan", "de": "deu",
    "el": "ell", "en": "eng", "es": "spa", "et": "est", "eu": "eus", "fa": "fas", "fi": "fin", "fr": "fra",
    "ga": "gle", "gl": "glg", "he": "heb", "hi": "hin", "hr": "hrv", "hu": "hun", "hy": "hye", "id": "ind",
    "is": "isl", "it": "ita", "ja": "jpn", "ka": "kat", "kk": "kaz", "ko": "kor", "lt": "lit", "lv": "lav",
    "mk": "mkd", "ms": "msa", "mt": "mlt", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sk": "slk", "sl": "slv", "sq": "sqi", "sr": "srp", "sv": "swe", "sw": "swa", "ta": "tam",
    "th": "tha", "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie", "zh": "zho",
}  # fmt: skip
"""The terminological codes, which we write."""
BIBLIOGRAPHIC = {
    "alb": "sq", "arm": "hy", "baq": "eu", "chi": "zh", "cze": "cs", "dut": "nl", "fre": "fr", "geo": "ka",
    "ger": "de", "gre": "el", "ice": "is", "mac": "mk", "may": "ms", "per": "fa", "rum": "ro", "slo": "sk",
    "wel": "cy",
}  # fmt: skip
"""What the older codes of some stand for; streams have either."""
SHORT = {three: two for two, three in THREE.items()} | BIBLIOGRAPHIC
UNKNOWN = "und"
SAYS_NOTHING = frozenset({UNKNOWN, "mul", "mis", "zxx"})
"""Undetermined, several, other, none; from qaa to qtz every broadcaster means something of its own."""


def three(language: str) -> str:
    """The code of a language tag (es, pt-BR) in three letters; `und` where it is not known."""
    code = language.partition("-")[0].lower()
    return code if len(code) == 3 else THREE.get(code, UNKNOWN)


def short(code: str | None) -> str:
    """The language as two letters, or as three where it has no shorter name; empty where none is told."""
    code = (code or "").lower()
    if not re.fullmatch("[a-z]{2,3}", code) or code in SAYS_NOTHING or "qaa" <= code <= "qtz":
        return ""
    return SHORT.get(code, code)
