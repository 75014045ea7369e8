"""What Apertium gets wrong again and again, mended where the words leave no doubt. Pure.

Each rule looks at the translation, and at the source where the translation alone does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

FUNCTION_WORDS = (
    "el|la|los|las|un|una|de|del|a|al|en|y|o|que|por|para|con|su|sus|se|the|a|an|of|to|in|on|and|or|that|for"
)
DOUBLED = re.compile(rf"\b({FUNCTION_WORDS})(?: \1)+\b", re.IGNORECASE)
CAPITAL = re.compile(r"(?<=[\w,;:)] )[¿¡\"«]?([A-ZÁÉÍÓÚÑ]\w*)")
LETTERS = "a-záéíóúñü"
NUMBERS = (
    r"\d+|un[oa]?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|quince|veinte|treinta|cuarenta"
    "|cincuenta|cien|cientos|mil|varios|varias|muchos|muchas"
)
HOUR = r"(\d{1,2}(?::\d\d)?|una?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce)"
WEEKDAYS = "lunes|martes|miércoles|jueves|viernes|sábado|domingo"

# Ser where only estar can stand: the same form of it.
SER = {
    "soy": "estoy", "eres": "estás", "es": "está", "somos": "estamos", "son": "están", "era": "estaba",
    "eras": "estabas", "éramos": "estábamos", "eran": "estaban", "fue": "estuvo", "fueron": "estuvieron",
    "será": "estará", "serán": "estarán", "sería": "estaría", "serían": "estarían", "sea": "esté",
    "sean": "estén", "ser": "estar", "sido": "estado",
}  # fmt: skip
ONLY_ESTAR = r"(bien|mal|content|enferm|muert|llen|hart|sentad|embarazad)(?:[oa]s?)?"
# Irregular preterites of "I" and of "we", which have the same English word as he, she and they.
PERSONS = {
    "dije": "dijo", "hice": "hizo", "quise": "quiso", "pude": "pudo", "tuve": "tuvo", "estuve": "estuvo",
    "supe": "supo", "puse": "puso", "vine": "vino", "dijimos": "dijeron", "hicimos": "hicieron",
    "trajimos": "trajeron", "pusimos": "pusieron", "dimos": "dieron", "vimos": "vieron",
}  # fmt: skip
# Done in a moment: what was done so was not in that state.
MOMENTS = "dad|vist|dich|encontrad|elegid|nombrad|matad|asesinad|anunciad|fundad|robad|entregad|enviad"

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def rule(pattern: str, by: str | Callable[[re.Match[str]], str]) -> Rule:
    """A rule whose pattern is for any case."""
    return re.compile(pattern, re.IGNORECASE), by


def like(word: str, model: str) -> str:
    """The word with the model's first letter's case."""
    return word[0].upper() + word[1:] if model[0].isupper() else word


def _estar(match: re.Match[str]) -> str:
    return like(SER[match[1].lower()], match[1]) + match[2]


def _clock(before: str, match: re.Match[str]) -> str:
    hour = match[1].lower()
    article = "la" if hour in ("un", "una", "1") or hour.startswith("1:") else "las"
    hour = "una" if hour == "un" else hour
    part = match["part"]
    return f"{before} {article} {hour}" + (f" de la {part}" if part else " en punto")


PART = r"(?: (?:por|en|de) la (?P<part>mañana|tarde|noche)| en punto)\b"
SPANISH: tuple[Rule, ...] = (
    rule(rf"\bhasta que {HOUR}{PART}", partial(_clock, "hasta")),
    rule(rf"\b(?:en|a) {HOUR}{PART}", partial(_clock, "a")),
    rule(r"\ben ((?:1\d|2[0-3]|0?[02-9]):[0-5]\d)\b", r"a las \1"),
    rule(r"\ben (0?1:[0-5]\d)\b", r"a la \1"),
    rule(rf"\bencima (?:de )?({WEEKDAYS})\b", r"el \1"),
    rule(rf"(?<!por )\bencima (?=(?:{NUMBERS})\b)", "por encima de "),
    rule(r"\b(el|al) del (norte|sur|este|oeste)\b", r"\1 \2"),
    rule(r"\b(gracias) para\b", r"\1 por"),
    rule(r"\bpor ((?:\d+(?:[.,]\d+)?|[a-záéíóú]+) por ciento)\b", r"un \1"),
    rule(r"\bde en el extranjero\b", "del extranjero"),
    rule(r"\bde el (?![A-ZÁÉÍÓÚÑ])", "del "),
    rule(r"\ba el (?![A-ZÁÉÍÓÚÑ])", "al "),
    rule(rf"\b({'|'.join(SER)})( (?:muy )?{ONLY_ESTAR})\b", _estar),
    rule(r"\b(ser)( (?:aquí|allí|ahí)\b)", _estar),
    rule(r"\bestuvo (decidid[oa])\b(?! a\b)", r"fue \1"),
    rule(rf"\bestuvo ((?:{MOMENTS})[oa])\b", r"fue \1"),
    rule(rf"\bestuvieron ((?:{MOMENTS})[oa]s)\b", r"fueron \1"),
    rule(rf"\bestuvo ([{LETTERS}]*(?:[ai]d|escrit|hech)[oa] por (?!{NUMBERS}))", r"fue \1"),
    rule(rf"\bestuvieron ([{LETTERS}]*(?:[ai]d|escrit|hech)[oa]s por (?!{NUMBERS}))", r"fueron \1"),
)
RELATIVE = re.compile(
    rf"\b((?:un|una|el|la|los|las|unos|unas|alguien|personas|gente)(?: [{LETTERS}]+){{0,2}}) quién(?:es)?\b"
)
ASKS = re.compile(
    r"\b(?:know|knew|ask|asked|wonder|wondered|tell|told|say|said|see|saw|guess|decide|decided|remember)\w*\b",
    re.I,
)
LASTING = re.compile(rf"\bpara ((?:{NUMBERS}) (?:segundos|minutos|horas|días|semanas|meses|años|décadas))\b")
LASTED = re.compile(
    r"\b(?:has|have|had|was|were|\w+ed)\b(?:(?!\b(?:enough|plan\w*|contract|signed|agreed|paid)\b).)*\bfor "
    r"(?:\w+ ){1,3}(?:seconds|minutes|hours|days|weeks|months|years|decades)\b",
    re.IGNORECASE,
)
PERSON = re.compile(rf"(?<=[{LETTERS}] )({'|'.join(PERSONS)})\b(?! (?:yo|nosotros)\b)", re.IGNORECASE)

QUESTION_WORDS = "qué|quién|cómo|cuándo|dónde|cuánt[oa]s?|cuál|por qué"
MARKED = re.compile(
    rf"(?:(?<=^)|(?<=[.!?…] ))(?P<call>[^.!?…¿¡,]+, (?=(?:{QUESTION_WORDS})\b))?"
    r"(?P<rest>[^.!?…¿¡]+)(?P<mark>[?!])"
)


def repaired(text: str, source: str, target: str) -> str:
    """The translation of `source` into the language `target`, with what is certainly wrong mended."""
    text = with_names(text, source)
    if not DOUBLED.search(source):
        text = DOUBLED.sub(r"\1", text)
    if target == "es":
        text = spanish(text, source)
    return with_sentence_capitals(text, source)


def spanish(text: str, source: str) -> str:
    """The rules for Spanish."""
    for pattern, by in SPANISH:
        text = pattern.sub(by, text)
    if LASTED.search(source):
        text = LASTING.sub(r"durante \1", text)
    if not ASKS.search(source):
        text = RELATIVE.sub(r"\1 que", text)
    if re.search(r"\bhow are you\b", source, re.IGNORECASE):
        text = re.sub(r"\b(cómo) eres\b", r"\1 estás", text, flags=re.IGNORECASE)
    if not re.search(r"\b(?:I|we|us|our|myself)\b", source, re.IGNORECASE):
        text = PERSON.sub(lambda found: PERSONS[found[1].lower()], text)
    return with_marks(without_capitals(text, source))


def with_names(text: str, source: str) -> str:
    """Words that came through unchanged but for their case have the source's again."""
    for name in set(re.findall(r"(?<=\w )[A-ZÁÉÍÓÚÑ]\w\w+", source)):
        text = re.sub(rf"\b{name.lower()}\b", name, text)
    return text


def without_capitals(text: str, source: str) -> str:
    """Spanish without capitals inside a sentence that nothing in the source accounts for.

    Apertium moves the capital of the first word to the second where the first is lost or unknown. Only
    where each of the source's own capitals is found again: the others may be names translated.
    """
    text = re.sub(r"\b(EL|LA|LOS|LAS|UN|UNA)(?= [a-záéíóúñ])", lambda found: found[0].capitalize(), text)
    inside = {word for word in CAPITAL.findall(source) if word != "I"}
    if not all(re.search(rf"\b{word}\b", text) for word in inside):
        return text
    known = inside | set(re.findall(r"(?:^|[.!?…] )\W*(\w+)", source))
    return CAPITAL.sub(
        lambda found: found[0] if found[1] in known or found[1].isupper() else found[0].lower(), text
    )


def with_marks(text: str) -> str:
    """Questions and exclamations with their first mark too, at the start of the sentence or the question."""

    def marked(match: re.Match[str]) -> str:
        first = "¿" if match["mark"] == "?" else "¡"
        return f"{match['call'] or ''}{first}{match['rest']}{match['mark']}"

    return MARKED.sub(marked, text)


def with_sentence_capitals(text: str, source: str) -> str:
    """Sentences begin as the source's does."""
    if source.lstrip("¿¡")[:1].isupper():
        text = re.sub(r"^([¿¡]?)(\w)", lambda found: found[1] + found[2].upper(), text)
    elif not CAPITAL.search(source):
        text = text[:1].lower() + text[1:]
    return re.sub(r"(?<=[.!?…] )([¿¡]?)([a-záéíóúñ])", lambda found: found[1] + found[2].upper(), text)
