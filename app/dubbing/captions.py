"""Captions as WebVTT. Source: https://www.w3.org/TR/webvtt1/ (cue text, timestamps)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LINE = 42
LINES = 2


@dataclass(frozen=True)
class Cue:
    """A text and the seconds from `start` to `end` at which it is shown."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Block:
    """A cue as it is written: milliseconds, and lines that fit."""

    start: int
    end: int
    lines: tuple[str, ...]


def webvtt(cues: Iterable[Cue]) -> str:
    """A WebVTT document of the cues: in order of time, none overlapping, two lines of 42 at most."""
    parts = ["WEBVTT\n"]
    for block in without_overlap(block for cue in cues for block in blocks(cue)):
        text = "\n".join(escape(line) for line in block.lines)
        parts.append(f"{timestamp(block.start)} --> {timestamp(block.end)}\n{text}\n")
    return "\n".join(parts)


def blocks(cue: Cue) -> Iterator[Block]:
    """The cue cut into blocks of two lines; each has a share of the time as long as its text."""
    lines = textwrap.wrap(" ".join(cue.text.replace("\0", "").split()), LINE, break_on_hyphens=False)
    pages = [tuple(lines[at : at + LINES]) for at in range(0, len(lines), LINES)]
    start, end = max(0, round(cue.start * 1000)), max(0, round(cue.end * 1000))
    total = sum(length(page) for page in pages)
    before = 0
    for page in pages:
        after = before + length(page)
        yield Block(start + (end - start) * before // total, start + (end - start) * after // total, page)
        before = after


def length(lines: tuple[str, ...]) -> int:
    """Characters in the lines."""
    return sum(map(len, lines))


def without_overlap(unordered: Iterable[Block]) -> Iterator[Block]:
    """The blocks in order of time; one that the next would overlap ends where the next begins."""
    ordered = sorted(unordered, key=lambda block: (block.start, block.end))
    for at, block in enumerate(ordered):
        end = min(block.end, ordered[at + 1].start) if at + 1 < len(ordered) else block.end
        if end > block.start:
            yield Block(block.start, end, block.lines)


def escape(text: str) -> str:
    """The text with the characters that WebVTT gives a meaning written as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def timestamp(milliseconds: int) -> str:
    """Hours, minutes, seconds and milliseconds as WebVTT writes them."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{rest:03d}"
