"""A transcript as a file: txt, srt, vtt, json, docx."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from app.archive.tables import Segment, Transcript
from app.speech.rest import transcript as spoken
from app.speech.types import Word

Format = Literal["txt", "srt", "vtt", "json", "docx"]
MEDIA_TYPES: Mapping[Format, str] = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PARAGRAPH = 2.0
"""Seconds of silence after which a new paragraph begins."""


def export(transcript: Transcript, segments: Sequence[Segment], kind: Format) -> bytes:
    """The file's content."""
    match kind:
        case "srt":
            return spoken.srt(lines(transcript, segments)).encode()
        case "vtt":
            return spoken.vtt(lines(transcript, segments)).encode()
        case "json":
            return json.dumps(as_json(transcript, segments), ensure_ascii=False, indent=1).encode()
        case "docx":
            return docx(transcript, segments)
    return ("\n\n".join(said(each) for each in paragraphs(transcript, segments)) + "\n").encode()


def speaker(transcript: Transcript, segment: Segment) -> str:
    """Who says it, by the name that its owner gave; empty where nobody knows."""
    return str(transcript.speakers.get(segment.speaker, segment.speaker))


def lines(transcript: Transcript, segments: Sequence[Segment]) -> list[spoken.Segment]:
    """The segments as subtitles have them; the speaker's name before the first word of a turn."""
    found, before = [], ""
    for each in segments:
        words = [Word(*word) for word in each.words]
        name = speaker(transcript, each)
        if name and name != before and words:
            words[0] = Word(f"{name}: {words[0].text}", words[0].start, words[0].end)
        before = name
        found.append(spoken.Segment(each.start, each.end, tuple(words)))
    return found


def paragraphs(transcript: Transcript, segments: Sequence[Segment]) -> list[tuple[str, float, str]]:
    """Speaker, start in seconds and text of each paragraph: one speaker's, without a long pause or a mark."""
    number, before, numbered = 0, None, []
    for each in segments:
        if before is not None and (
            each.paragraph or each.start - before.end > PARAGRAPH or each.speaker != before.speaker
        ):
            number += 1
        numbered.append((number, each))
        before = each
    found = []
    for _, group in groupby(numbered, key=lambda pair: pair[0]):
        parts = [each for _, each in group]
        found.append((speaker(transcript, parts[0]), parts[0].start, " ".join(each.text for each in parts)))
    return found


def said(paragraph: tuple[str, float, str]) -> str:
    """A paragraph as plain text."""
    name, _, words = paragraph
    return f"{name}: {words}" if name else words


def as_json(transcript: Transcript, segments: Sequence[Segment]) -> dict[str, Any]:
    """Everything that is known, words and their times too."""
    return {
        "title": transcript.title,
        "file": transcript.name,
        "language": transcript.language,
        "seconds": transcript.seconds,
        "tags": transcript.tags,
        "segments": [
            {
                "start": round(each.start, 3),
                "end": round(each.end, 3),
                "speaker": speaker(transcript, each),
                "text": each.text,
                "words": [{"word": text, "start": start, "end": end} for text, start, end in each.words],
            }
            for each in segments
        ],
    }


def docx(transcript: Transcript, segments: Sequence[Segment]) -> bytes:
    """A Word document: the title, then paragraphs with their times."""
    from docx import Document

    document = Document()
    document.add_heading(printable(transcript.title), 1)
    for name, start, words in paragraphs(transcript, segments):
        paragraph = document.add_paragraph()
        paragraph.add_run(f"{spoken.clock(start, '.')[:8]}  ").italic = True
        if name:
            paragraph.add_run(f"{printable(name)}: ").bold = True
        paragraph.add_run(printable(words))
    content = io.BytesIO()
    document.save(content)
    return content.getvalue()


def printable(text: str) -> str:
    """A text without the characters that XML has no place for."""
    return NOT_IN_XML.sub("", text)
