"""Word error rate between English texts, counted as Whisper's paper counts it. Pure.

Spellings, short forms and numbers are made one first ("forty-five" and "45", "harbour" and "harbor"), by the
normaliser of that paper (Radford and others, 2022, appendix C).
"""

from __future__ import annotations

from whisper_normalizer.english import EnglishTextNormalizer

normalised = EnglishTextNormalizer()


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return str(normalised(text)).split()


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
