"""Cuts a text into sentences, so that the first is heard while the next is made. Pure."""

from __future__ import annotations

import re

LONGEST = 240
"""Characters that are spoken at once at most; longer sentences are cut at a comma or a space."""
_END = re.compile(r"(?<=[.!?…。！？])[\"')\]»”]*\s+|\n+|(?<=[。！？])")
_BREAK = re.compile(r"(?<=[,;:—–])\s+|\s+")


def sentences(text: str) -> list[str]:
    """The sentences of a text without the white space between them; none is empty or over LONGEST."""
    found: list[str] = []
    place = 0
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        found.extend(_pieces(text[place:end].strip()))
        place = end
    return found


def _pieces(sentence: str) -> list[str]:
    pieces = []
    while len(sentence) > LONGEST:
        places = [match.end() for match in _BREAK.finditer(sentence, 1, LONGEST)]
        cut = places[-1] if places else LONGEST
        pieces.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    if sentence:
        pieces.append(sentence)
    return [piece for piece in pieces if piece]
