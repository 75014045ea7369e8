"""Signs and abbreviations written out, so that every translator and every voice knows the words. Pure.

Whisper writes as a newspaper does: `$5 million`, `Dr. Jones`, `at 3 p.m.`. Numbers and scores (`3-2`) stay in
digits, which translators keep and voices read; separators of thousands go, for each language has another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

NUMBER = r"(?<![\d.,])(\d+(?:[.,]\d+)?)"


class Words(NamedTuple):
    """What a language writes out: signs as (one, many), titles before a name, and what stands anywhere."""

    scale: str
    """Pattern of the word of scale that may follow a number."""
    money: dict[str, tuple[str, str]]
    units: dict[str, tuple[str, str]]
    titles: dict[str, str]
    others: dict[str, str]
    before_numbers: dict[str, str]


ENGLISH = Words(
    "thousand|million|billion|trillion",
    {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("pound", "pounds")},
    {
        "km/h": ("kilometre per hour", "kilometres per hour"),
        "mph": ("mile per hour", "miles per hour"),
        "km": ("kilometre", "kilometres"),
        "kg": ("kilogram", "kilograms"),
        "cm": ("centimetre", "centimetres"),
        "mm": ("millimetre", "millimetres"),
        "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
        "°C": ("degree", "degrees"),
        "°": ("degree", "degrees"),
        "%": ("percent", "percent"),
    },
    {
        r"Mr\.?": "Mister", r"Mrs\.?": "Missus", r"Dr\.?": "Doctor", r"Prof\.": "Professor",
        r"Gen\.": "General", r"Sen\.": "Senator", r"Gov\.": "Governor", r"Capt\.": "Captain",
        r"Sgt\.?": "Sergeant", r"Lt\.": "Lieutenant", r"St\.": "St",
    },
    {
        r"vs\.?": "against", r"e\.g\.": "for example", r"i\.e\.": "that is", r"etc\.": "et cetera",
        r"approx\.": "approximately", r"U\.S\.(?:A\.)?": "United States", r"&": "and",
    },
    {r"[Nn][or]\. ?": "number "},
)  # fmt: skip
SPANISH = Words(
    "mil|millón|millones",
    {"$": ("dólar", "dólares"), "€": ("euro", "euros"), "£": ("libra", "libras")},
    {
        "km/h": ("kilómetro por hora", "kilómetros por hora"),
        "km": ("kilómetro", "kilómetros"),
        "kg": ("kilogramo", "kilogramos"),
        "cm": ("centímetro", "centímetros"),
        "mm": ("milímetro", "milímetros"),
        "°F": ("grado Fahrenheit", "grados Fahrenheit"),
        "°C": ("grado", "grados"),
        "°": ("grado", "grados"),
        "%": ("por ciento", "por ciento"),
    },
    {
        r"Sr\.": "señor", r"Sra\.": "señora", r"Srta\.": "señorita", r"Dr\.": "doctor", r"Dra\.": "doctora",
        r"Prof\.": "profesor", r"Gral\.": "general", r"Dña\.": "doña", r"Avda\.": "avenida",
    },
    {
        r"EE\. ?UU\.?": "Estados Unidos", r"Uds\.": "ustedes", r"Ud\.": "usted", r"etc\.": "etcétera",
        r"p\. ?ej\.": "por ejemplo", r"aprox\.": "aproximadamente", r"vs\.?": "contra", r"&": "y",
    },
    {r"[Nn]\.? ?º ?": "número ", r"[Nn]úm\. ?": "número "},
)  # fmt: skip


def _counted(one: str, many: str) -> Callable[[re.Match[str]], str]:
    """Writes a number, its word of scale, and then what is counted."""

    def written(match: re.Match[str]) -> str:
        number, scale = match[1], match["scale"]
        if scale is None:
            return f"{number} {one if number == '1' else many}"
        return f"{number} {scale} {'de ' if scale.startswith('mill') and scale != 'million' else ''}{many}"

    return written


def _sign(words: Words, sign: str, before: bool) -> re.Pattern[str]:
    scale = rf"(?: ?(?P<scale>{words.scale})\b)?"
    if before:
        return re.compile(rf"(?:US)?{re.escape(sign)} ?{NUMBER}{scale}(?!\w)")
    return re.compile(rf"{NUMBER}{scale} ?{re.escape(sign)}(?![\w/])")


def _abbreviation(pattern: str, word: str, follows: str) -> Rule:
    """A rule for an abbreviation; at an end of the text it has the sentence's capital or full stop too."""

    def written(match: re.Match[str]) -> str:
        first = match.start() == 0 and match[0][0].isupper()
        last = match[0].endswith(".") and not match.string[match.end() :].strip()
        return (word[0].upper() + word[1:] if first else word) + ("." if last else "")

    return re.compile(rf"(?<!\w){pattern}{follows}"), written


def _rules(words: Words) -> list[Rule]:
    rules: list[Rule] = []
    for sign, (one, many) in words.money.items():
        rules += [(_sign(words, sign, before), _counted(one, many)) for before in (True, False)]
    for sign, (one, many) in words.units.items():
        rules.append((_sign(words, sign, before=False), _counted(one, many)))
    rules += [_abbreviation(short, word, r"(?= ?[A-ZÁÉÍÓÚÑ])") for short, word in words.titles.items()]
    rules += [_abbreviation(short, word, r"(?!\w)") for short, word in words.others.items()]
    rules += [_abbreviation(short, word, r"(?=\d)") for short, word in words.before_numbers.items()]
    return rules


def _part_of_day(match: re.Match[str]) -> str:
    """A 12-hour time as it is said: `3 p.m.` is three in the afternoon."""
    hour = int(match[1])
    if match["half"].lower() == "a":
        part = "in the morning"
    else:
        part = "in the afternoon" if hour == 12 or hour < 8 else "at night"
    ends = match[0].endswith(".") and not match.string[match.end() :].strip()
    return f"{match[1]}{match['minutes'] or ''} {part}{'.' if ends else ''}"


RULES: dict[str, list[Rule]] = {
    "en": [
        (
            re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])"),
            lambda found: found[0].replace(",", ""),
        ),
        (
            re.compile(r"\b(1[0-2]|0?[1-9])(?P<minutes>:[0-5]\d)? ?(?P<half>[ap])\.? ?m(?:\.|\b)", re.I),
            _part_of_day,
        ),
        (re.compile(r"\bthe ((?:1[5-9]|20)\d0)'?s\b"), r"the decade of \1"),
        *_rules(ENGLISH),
    ],
    "es": [
        (
            re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])"),
            lambda found: found[0].replace(".", ""),
        ),
        *_rules(SPANISH),
    ],
}
DECIMAL_POINT = re.compile(r"(?<![\d.,:])(\d+)\.(\d{1,2})(?![\d.:])")
DECIMAL_COMMA = re.compile(r"(?<![\d.,:])(\d+),(\d{1,2})(?![\d,:])")


def written_out(text: str, language: str) -> str:
    """The text with its signs and abbreviations as words. A language without rules is left as it is."""
    for pattern, word in RULES.get(language, ()):
        text = pattern.sub(word, text)
    return text


def localised(text: str, source: str, target: str) -> str:
    """The translation with the target's decimal mark: an engine that keeps digits keeps the source's."""
    if (source, target) == ("en", "es"):
        return DECIMAL_POINT.sub(r"\1,\2", text)
    return DECIMAL_COMMA.sub(r"\1.\2", text) if (source, target) == ("es", "en") else text
