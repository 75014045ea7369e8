"""Segments as rows of their table, and as the lines that edits are made of."""

from __future__ import annotations

import uuid

from app.archive.editing import Line
from app.archive.languages import dictionary
from app.archive.tables import Segment
from app.speech.types import Word


def line(segment: Segment) -> Line:
    """A segment's content."""
    words = tuple(Word(*word) for word in segment.words)
    return Line(segment.start, segment.end, segment.speaker, words, bool(segment.paragraph))


def row(transcript: uuid.UUID, language: str, content: Line) -> Segment:
    """A new segment with that content."""
    return Segment(
        transcript_id=transcript,
        start=round(content.start, 3),
        end=round(content.end, 3),
        speaker=content.speaker,
        paragraph=content.paragraph,
        words=[[word.text, round(word.start, 3), round(word.end, 3)] for word in content.words],
        text=content.text,
        dictionary=dictionary(language),
    )
