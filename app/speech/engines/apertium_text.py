"""What Apertium is told and what is made of its answer. Pure."""

from __future__ import annotations

import re

RESERVED = re.compile(r"[\[\]{}^$/\\@<>*#~\x00]+")
UNKNOWN = re.compile(r"[*@#]([^\s.,;:!?]+)")
ESCAPES = re.compile(r"\\(?=[\w@*#])")
BLANKS = re.compile(r"\[[^\]]*\]")
ENDS = ".!?…"
OPEN = ",;: "
MARKS = re.compile(r"(?<!\w)[*@#]|~")


def prepare(text: str) -> str:
    """The text as a sentence, without the characters that Apertium's stream format reserves.

    A recogniser gives lowercase words without punctuation; a capital and a full stop tell Apertium
    where the sentence starts and ends. What is written with either already begins as it is written.
    """
    words = " ".join(RESERVED.sub(" ", text).split())
    if not words:
        return ""
    if not is_written(text):
        words = words[0].upper() + words[1:]
    words = re.sub(r"\bi\b", "I", words.rstrip(OPEN))
    return words if words.endswith(tuple(ENDS)) else words + "."


def is_written(text: str) -> bool:
    """Whether the text has capitals or punctuation, as a part of a sentence has too."""
    return any(mark in text for mark in ".,;:!?…") or bool(re.search(r"\b(?!I\b)[A-ZÁÉÍÓÚÑ]", text))


def ending(translation: str, text: str) -> str:
    """The translation, ending as the text does: a part of a sentence has no full stop."""
    last = text.rstrip()[-1:]
    if not is_written(text) or last in ENDS or last in "\"'»”)":
        return translation
    return translation.rstrip(".") + (last if last in OPEN else "")


def unknown_words(marked: str) -> tuple[str, ...]:
    """The words that Apertium marked as not in its dictionary."""
    return tuple(UNKNOWN.findall(marked))


def with_capitals(text: str, words: tuple[str, ...]) -> str:
    """The text with these words capitalised: names, days and months are in the dictionary only so."""
    for word in words:
        if word.islower():
            text = re.sub(rf"\b{re.escape(word)}\b", word.capitalize(), text)
    return text


def clean(marked: str) -> str:
    """Apertium's answer without its marks, on one line."""
    return " ".join(MARKS.sub("", ESCAPES.sub("", BLANKS.sub(" ", marked))).split())
