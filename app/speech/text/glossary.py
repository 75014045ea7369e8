"""Names that are kept and terms whose translation is fixed. Pure.

A translator sees a word that no language has in the place of each, and gives it back as it was: that holds
for any engine. One that loses it is asked again without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

STAND_IN = "Xq{}"
"""Capitalised, as names are; letters alone, for signs and digits are moved or dropped."""
LETTERS = "bdfgklmnprtvz"
FEMININE = re.compile(r"\w+(?:ción|sión|dad|tad|tud|a)\b")
# Masculine all the same. Words with a stressed a- (agua) take el.
MASCULINE = {"día", "mapa", "problema", "sistema", "tema", "programa", "clima", "planeta", "idioma", "agua",
             "área", "arma", "ala", "aula", "alma", "águila", "equipo"}  # fmt: skip
ARTICLES = {"el": "la", "un": "una", "del": "de la", "al": "a la"}


class Glossary:
    """The words of one stream into one language: whole words, in any case, the longest first."""

    def __init__(self, keep: Sequence[str] = (), terms: Mapping[str, str] | None = None) -> None:
        self._words = {name.casefold(): name for name in keep}
        self._fixed = {term.casefold(): word for term, word in (terms or {}).items()}
        longest_first = sorted({**self._words, **self._fixed}, key=lambda each: (-len(each), each))
        self._pattern = re.compile(
            "|".join(rf"(?<!\w){_spaced(each)}(?!\w)" for each in longest_first) or r"(?!)", re.IGNORECASE
        )

    def hidden(self, text: str) -> tuple[str, list[str]]:
        """The text with a stand-in for each word of the glossary, and what the stand-ins stand for."""
        found: list[str] = []

        def hide(match: re.Match[str]) -> str:
            said = " ".join(match[0].split()).casefold()
            found.append(self._fixed.get(said) or self._words.get(said, match[0]))
            return stand_in(len(found) - 1)

        return self._pattern.sub(hide, text), found

    def shown(self, text: str, words: Sequence[str], target: str) -> str | None:
        """The translation with the words in their places, or None where a stand-in was lost."""
        for number, word in enumerate(words):
            place = re.compile(rf"(?<!\w){stand_in(number)}(?!\w)", re.IGNORECASE)
            if len(place.findall(text)) != 1:
                return None
            if target == "es" and word.casefold() in map(str.casefold, self._fixed.values()):
                text = _with_article(text, place, word)
            begins = re.compile(rf"(?:^|[.!?…] )[¿¡]?{stand_in(number)}(?!\w)", re.IGNORECASE).search(text)
            spelt = word[0].upper() + word[1:] if begins else word
            text = place.sub(lambda _, spelt=spelt: spelt, text)  # type: ignore[misc]
        return text


def stand_in(number: int) -> str:
    """The word that stands for the n-th word hidden."""
    high, low = divmod(number, len(LETTERS))
    return STAND_IN.format(f"{LETTERS[high % len(LETTERS)]}{LETTERS[low]}u")


def _spaced(words: str) -> str:
    return r"\s+".join(re.escape(word) for word in words.split())


def _with_article(text: str, place: re.Pattern[str], word: str) -> str:
    """The article before a fixed term in its gender: a translator can't know that of a stand-in."""
    first = word.split()[0].casefold()
    if first in MASCULINE or not FEMININE.fullmatch(first):
        return text

    def feminine(match: re.Match[str]) -> str:
        article = ARTICLES[match[1].lower()]
        return (article.capitalize() if match[1][0].isupper() else article) + match[2]

    return re.sub(rf"\b(el|un|del|al)( {place.pattern})", feminine, text, flags=re.IGNORECASE)
