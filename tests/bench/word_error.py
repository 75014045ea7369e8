"""Word error rate between texts, as speech recognition counts it. Pure."""

from __future__ import annotations

import re

SPELLINGS = {"canceled": "cancelled", "favorite": "favourite", "meters": "metres"}
SHORT_FORMS = {"'re": " are", "'ll": " will", "'ve": " have", "'m": " am", "n't": " not"}
IS = re.compile(r"\b(there|it|he|she|that|what|who|here)'s\b")


def words(text: str) -> list[str]:
    """The words of a text in lower case, short forms written out and spellings made one."""
    text = text.lower().replace("-", " ").replace("can't", "can not").replace("won't", "will not")
    text = IS.sub(r"\1 is", text)
    for short, long in SHORT_FORMS.items():
        text = text.replace(short, long)
    return [SPELLINGS.get(word, word) for word in re.sub(r"[^a-z' ]", " ", text).split()]


def errors(reference: list[str], heard: list[str]) -> int:
    """The fewest words to insert, leave out or replace (Levenshtein distance)."""
    row = list(range(len(heard) + 1))
    for line, said in enumerate(reference, 1):
        diagonal, row[0] = row[0], line
        for column, word in enumerate(heard, 1):
            best = min(row[column] + 1, row[column - 1] + 1, diagonal + (said != word))
            diagonal, row[column] = row[column], best
    return row[-1]


def word_error_rate(reference: str, heard: str) -> float:
    """Errors for each word of the reference."""
    said = words(reference)
    return errors(said, words(heard)) / max(1, len(said))
