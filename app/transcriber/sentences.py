"""Long segments cut into sentences, which is what people read, correct and give to a speaker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from app.speech.rest.transcript import Segment
from app.speech.types import Word

END = re.compile(r"[.?!…。？！][\"'”’»)\]]*$")
FEWEST = 3
"""Words of a sentence: fewer stay with what follows ("Yes. We do.")."""
SHORT_FORM = re.compile(r"^(\w|[A-Z][a-z]{1,2}|etc|vs|e\.g|i\.e)\.$")
"""Mr., Dr., U.: a full stop that ends no sentence."""
PAUSE = 1.0
"""Seconds of silence after which something new begins, whatever the punctuation."""


def sentences(segment: Segment) -> Iterator[Segment]:
    """The segment's sentences; the first begins and the last ends as the segment does."""
    waiting: list[Word] = []
    start = segment.start
    for word, following in zip(segment.words, (*segment.words[1:], None), strict=True):
        waiting.append(word)
        if following is not None and ends(waiting, following):
            yield replace(segment, start=start, end=word.end, words=tuple(waiting))
            waiting, start = [], following.start
    if waiting:
        yield replace(segment, start=start, words=tuple(waiting))


def ends(words: list[Word], following: Word) -> bool:
    """Whether a sentence ends here."""
    if following.start - words[-1].end >= PAUSE:
        return True
    text = words[-1].text
    return (
        len(words) >= FEWEST
        and END.search(text) is not None
        and not SHORT_FORM.match(text)
        and not following.text[0].islower()
    )
