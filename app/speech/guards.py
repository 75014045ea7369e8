"""What a recogniser makes up: loops, and the phrases it is known to hear in silence. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.speech.types import Word

LONGEST_LOOP = 8
"""Words in the longest pattern that is looked for."""
REPEATS = 4
"""A pattern said more often than this in a row is a loop; people do say a word three times."""
HALLUCINATIONS = frozenset(
    {
        "thank you for watching",
        "thanks for watching",
        "thank you so much for watching",
        "please subscribe",
        "please subscribe to my channel",
        "like and subscribe",
        "subtitles by the amara org community",
        "subtitles by amara org",
        "subtitulos realizados por la comunidad de amara org",
        "sous titres realises para la communaute d amara org",
        "untertitel der amara org community",
        "transcription by castingwords",
    }
)
"""What Whisper is known to write for silence and music: its training data's subtitles end with them."""
_ACCENTS = str.maketrans("áéíóúüñàèç", "aeiouunaec")


def plain(text: str) -> str:
    """A text without case, accents and punctuation, for comparison."""
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower().translate(_ACCENTS)).split())


def hallucinated(text: str) -> bool:
    """Whether a whole segment is one of the known hallucinations."""
    return plain(text) in HALLUCINATIONS


def without_loops(words: Sequence[Word]) -> list[Word]:
    """The words with each pattern that repeats more than REPEATS times in a row kept once."""
    kept: list[Word] = []
    texts = [plain(word.text) for word in words]
    place = 0
    while place < len(words):
        length, times = _loop(texts, place)
        kept.extend(words[place : place + length])
        place += length * times
    return kept


def _loop(texts: Sequence[str], place: int) -> tuple[int, int]:
    """Length of the shortest pattern that loops from here and how often; (1, 1) where none does."""
    for length in range(1, LONGEST_LOOP + 1):
        pattern = texts[place : place + length]
        times = 1
        while texts[place + times * length : place + (times + 1) * length] == pattern:
            times += 1
        if times > REPEATS:
            return length, times
    return 1, 1
