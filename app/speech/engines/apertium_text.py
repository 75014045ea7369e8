"""What Apertium is told and what is made of its answer. Pure."""

from __future__ import annotations

import re

RESERVED = re.compile(r"[\[\]{}^$/\\@<>*#~\x00]+")
UNKNOWN = re.compile(r"[*@#]([^\s.,;:!?]+)")
BLANKS = re.compile(r"\[[^\]]*\]")
MARKS = re.compile(r"(?<!\w)[*@#]|~")


def prepare(text: str) -> str:
    """The text as a sentence, without the characters that Apertium's stream format reserves.

    A recogniser gives lowercase words without punctuation; a capital and a full stop tell Apertium
    where the sentence starts and ends.
    """
    words = " ".join(RESERVED.sub(" ", text).split())
    if not words:
        return ""
    words = re.sub(r"\bi\b", "I", words[0].upper() + words[1:])
    return words if words[-1] in ".!?…" else words + "."


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
    return " ".join(MARKS.sub("", BLANKS.sub(" ", marked)).split())
