"""Text as rules read it: lower case, short forms written out, no punctuation, misheard words mended. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

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


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text: its normal form, and for each character of that where it came from.

    `places` holds for each normal word (start, end in the normal form, start, end in the text).
    """

    normal: str
    places: tuple[tuple[int, int, int, int], ...]
    is_question: bool
    start: int
    end: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text those characters of the normal form are."""
        inside = [place for place in self.places if place[0] < end and place[1] > start]
        return inside[0][2], inside[-1][3]


def sentences(text: str, vocabulary: Collection[str] = ()) -> Iterator[Sentence]:
    """The sentences of a text. Words that are nearly one of the vocabulary are taken for it."""
    for found in SENTENCE.finditer(text):
        if TOKEN.search(found[0]):
            yield sentence(found[0], found.start(), vocabulary)


def sentence(text: str, offset: int = 0, vocabulary: Collection[str] = ()) -> Sentence:
    """One sentence that begins at `offset` of its text."""
    places = []
    normal = ""
    for token in TOKEN.finditer(text):
        for word in normalise(token[0], vocabulary).split():
            start = len(normal) + (1 if normal else 0)
            normal = f"{normal} {word}".strip()
            places.append((start, len(normal), offset + token.start(), offset + token.end()))
    is_question = text.rstrip().rstrip("!").endswith("?")
    return Sentence(normal, tuple(places), is_question, offset, offset + len(text))


def normalise(token: str, vocabulary: Collection[str] = ()) -> str:
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
        return (get_close_matches(word, vocabulary, 1, CLOSE) or [word])[0]
    return word
