"""Text as rules read it: lower case, short forms written out, no punctuation, misheard words mended. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import groupby
from operator import itemgetter

TOKEN = re.compile(r"[A-Za-z0-9$€£%]+(?:['’][A-Za-z]+)*")
SENTENCE = re.compile(r"[^.?!;]*(?:[.](?=\d)[^.?!;]*)*[.?!;]*")
IRREGULAR = {
    "can't": "can not",
    "cant": "can not",
    "cannot": "can not",
    "won't": "will not",
    "dont": "do not",
    "didnt": "did not",
    "doesnt": "does not",
    "isnt": "is not",
    "wasnt": "was not",
    "wouldnt": "would not",
    "couldnt": "could not",
    "havent": "have not",
    "arent": "are not",
    "wont": "will not",
    "im": "i am",
    "ive": "i have",
    "theres": "there is",
    "thats": "that is",
    "let's": "let us",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    "ain't": "is not",
    "ok": "okay",
    "yeah": "yes",
    "yep": "yes",
    "nope": "no",
}
ENDINGS = {"n't": " not", "'re": " are", "'ll": " will", "'ve": " have", "'m": " am", "'d": " would"}
IS = re.compile(r"^(it|that|there|what|who|here|he|she|how|where)'s$")
MENDED_FROM = 7
"""Shorter words have too many neighbours that mean something else."""
CLOSE = 0.86
LONGEST = 50
"""Words that are read at once: what is longer (a recogniser may write no full stops) is read in pieces."""
OVERLAP = 15
"""Words that two pieces share, so that what an expression needs stands whole in one of them."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text: its normal form, and for each character of that where it came from.

    `places` holds for each normal word (start, end in the normal form, start, end in the text);
    `begins` is false for a later piece of a sentence that was too long to be read at once.
    """

    normal: str
    places: tuple[tuple[int, int, int, int], ...]
    is_question: bool
    start: int
    end: int
    begins: bool = True

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text those characters of the normal form are."""
        inside = [place for place in self.places if place[0] < end and place[1] > start]
        return inside[0][2], inside[-1][3]


def sentences(text: str, vocabulary: frozenset[str] = frozenset()) -> Iterator[Sentence]:
    """The sentences of a text, long ones in pieces. Words that are nearly one of the vocabulary are it."""
    for found in SENTENCE.finditer(text):
        for start, end in pieces(found[0]):
            yield sentence(found[0][start:end], found.start() + start, vocabulary, start == 0)


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where the overlapping pieces of a sentence begin and end: LONGEST words at most; none without words."""
    words = [token.span() for token in TOKEN.finditer(text)]
    for first in range(0, max(len(words) - OVERLAP, min(len(words), 1)), LONGEST - OVERLAP):
        last = first + LONGEST
        yield (
            words[first][0] if first else 0,
            words[last - 1][1] if last < len(words) else len(text),
        )


def sentence(
    text: str, offset: int = 0, vocabulary: frozenset[str] = frozenset(), begins: bool = True
) -> Sentence:
    """One sentence, or a piece of one, that stands at `offset` of its text."""
    places = []
    normal = ""
    for token in TOKEN.finditer(text):
        for word in normalise(token[0], vocabulary).split():
            start = len(normal) + (1 if normal else 0)
            normal = f"{normal} {word}".strip()
            places.append((start, len(normal), offset + token.start(), offset + token.end()))
    is_question = text.rstrip().rstrip("!").endswith("?")
    return Sentence(normal, tuple(places), is_question, offset, offset + len(text), begins)


def normalise(token: str, vocabulary: frozenset[str] = frozenset()) -> str:
    """The normal form of a word, which may be several words."""
    word = token.lower().replace("’", "'")
    if word in IRREGULAR:
        return IRREGULAR[word]
    if found := IS.match(word):
        return f"{found[1]} is"
    for ending, full in ENDINGS.items():
        if word.endswith(ending):
            return word.removesuffix(ending) + full
    word = word.replace("'", "")
    if len(word) >= MENDED_FROM and word not in vocabulary:
        alike = by_first_letter(vocabulary).get(word[0], ())
        return (get_close_matches(word, alike, 1, CLOSE) or [word])[0]
    return word


@cache
def by_first_letter(vocabulary: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Words by the letter they begin with: what is misheard keeps it ("reached" is no "breached")."""
    return {letter: tuple(words) for letter, words in groupby(sorted(vocabulary), itemgetter(0))}
