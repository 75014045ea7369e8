"""Edits of a transcript's text as pure functions. No word loses its time, and no two come to overlap.

A segment here is what an edit replaces or makes; times are in seconds from the start of the file.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from app.speech.lines import Line as Line
from app.speech.types import Word

Stay = Literal["same", "gone", "new"]
"""What becomes of words that somebody else has changed."""
SIGNS = "PSZC"
"""Unicode's categories of what is no letter, digit or mark of one."""


class Refused(ValueError):
    """The edit can't be done. The message says why."""


def rewritten(line: Line, text: str) -> Line:
    """The line with another text: words that stay, whatever their signs and capitals, keep their times, new
    ones share that of those they replace. Raises Refused for a text without words.
    """
    new = text.split()
    if not new:
        raise Refused("a segment needs a word; to delete its words, merge it or leave one")
    before, after = [bare(word.text) for word in line.words], [bare(word) for word in new]
    words: list[Word] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, begin, end in matcher.get_opcodes():
        if tag == "equal":
            same = zip(line.words[first:last], new[begin:end], strict=True)
            words += [replace(word, text=text) for word, text in same]
        else:
            words += spread(new[begin:end], *span(line, first, last))
    return replace(line, words=tuple(words))


def bare(word: str) -> str:
    """A word without signs and capitals; signs alone as they are."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    return "".join(each for each in plain if unicodedata.category(each)[0] not in SIGNS) or plain


def span(line: Line, first: int, last: int) -> tuple[float, float]:
    """The time of the words from `first` to before `last`; between two of them where there are none."""
    if first < last:
        return line.words[first].start, line.words[last - 1].end
    before = line.words[first - 1].end if first else line.start
    after = line.words[first].start if first < len(line.words) else line.end
    return min(before, after), max(before, after)


def spread(texts: Sequence[str], start: float, end: float) -> list[Word]:
    """Words that share a time by their lengths."""
    letters = [len(text) for text in texts]
    total, done, words = sum(letters) or 1, 0, []
    for text, length in zip(texts, letters, strict=True):
        began = start + (end - start) * done / total
        done += length
        # Never past the end, by however little.
        words.append(Word(text, min(end, began), min(end, start + (end - start) * done / total)))
    return words


def split(line: Line, at: int) -> tuple[Line, Line]:
    """The line in two, the second from that word on. Raises Refused where one would be empty."""
    if not 0 < at < len(line.words):
        raise Refused(f"of {len(line.words)} words, it can be split before word 1 to {len(line.words) - 1}")
    border = min(max(line.words[at].start, line.start), line.end)
    first, second = line.words[:at], line.words[at:]
    return replace(line, end=border, words=first), replace(line, start=border, words=second, paragraph=False)


def merged(first: Line, second: Line) -> Line:
    """Two lines as one, of the first one's speaker."""
    return Line(
        min(first.start, second.start),
        max(first.end, second.end),
        first.speaker,
        (*first.words, *second.words),
        first.paragraph,
    )


def tidied(line: Line, text: str, *, paragraph: bool) -> Line:
    """The line with that text, a paragraph beginning there or not. Raises Refused."""
    return replace(rewritten(line, text), paragraph=paragraph)


def spoken_by(line: Line, speaker: str) -> Line:
    """The line as another speaker's."""
    return replace(line, speaker=speaker)
