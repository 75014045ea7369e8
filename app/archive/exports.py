"""A transcript as a file: txt, srt, vtt, json, docx."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from app.archive.cleanups import actions, chapters
from app.archive.tables import Cleanup, Segment, State, Transcript
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
TEXT = "Text"
"""Title of the text, where there is something before it."""
PARAGRAPH = 2.0
"""Seconds of silence after which a new paragraph begins."""


@dataclass(frozen=True)
class Notes:
    """What a language model says of a text; nothing where none was asked. Of chapters start (s) and title."""

    summary: str = ""
    chapters: tuple[tuple[float, str], ...] = ()
    actions: tuple[str, ...] = ()

    @classmethod
    def of(cls, cleanup: Cleanup | None) -> Notes:
        """Those of a clean-up, once it is done."""
        if cleanup is None or cleanup.state != State.DONE:
            return cls()
        titles = tuple((float(each["start"]), str(each["title"])) for each in chapters(cleanup))
        return cls(cleanup.summary, titles, tuple(actions(cleanup)))

    def sections(self) -> list[tuple[str, list[str]]]:
        """What there is before the text: titles and lines."""
        titles = [f"{time(start)}  {title}" for start, title in self.chapters]
        every = [
            ("Summary", [self.summary] if self.summary else []),
            ("Chapters", titles),
            ("To be done", [f"- {each}" for each in self.actions]),
        ]
        return [(title, lines) for title, lines in every if lines]


def export(
    transcript: Transcript, segments: Sequence[Segment], kind: Format, cleanup: Cleanup | None = None
) -> bytes:
    """The file's content; in txt, json and docx with what a clean-up that is done has found."""
    notes = Notes.of(cleanup)
    match kind:
        case "srt":
            return spoken.srt(lines(transcript, segments)).encode()
        case "vtt":
            return spoken.vtt(lines(transcript, segments)).encode()
        case "json":
            return json.dumps(as_json(transcript, segments, notes), ensure_ascii=False, indent=1).encode()
        case "docx":
            return docx(transcript, segments, notes)
    text = [said(each) for each in paragraphs(transcript, segments)]
    before = ["\n".join([title, *lines]) for title, lines in notes.sections()]
    return ("\n\n".join([*before, *([TEXT] if before else []), *text]) + "\n").encode()


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


def time(seconds: float) -> str:
    """A time as people read it: 01:02:03."""
    return spoken.clock(seconds, ".")[:8]


def as_json(transcript: Transcript, segments: Sequence[Segment], notes: Notes) -> dict[str, Any]:
    """Everything that is known, words and their times too."""
    return {
        "title": transcript.title,
        "file": transcript.name,
        "language": transcript.language,
        "seconds": transcript.seconds,
        "tags": transcript.tags,
        "summary": notes.summary,
        "chapters": [{"start": round(start, 3), "title": title} for start, title in notes.chapters],
        "actions": list(notes.actions),
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


def docx(transcript: Transcript, segments: Sequence[Segment], notes: Notes) -> bytes:
    """A Word document: the title, what was noted, then paragraphs with their times."""
    from docx import Document

    document = Document()
    document.add_heading(printable(transcript.title), 1)
    for title, lines in notes.sections():
        document.add_heading(title, 2)
        for line in lines:
            document.add_paragraph(printable(line))
    if notes.sections():
        document.add_heading(TEXT, 2)
    for name, start, words in paragraphs(transcript, segments):
        paragraph = document.add_paragraph()
        paragraph.add_run(f"{time(start)}  ").italic = True
        if name:
            paragraph.add_run(f"{printable(name)}: ").bold = True
        paragraph.add_run(printable(words))
    content = io.BytesIO()
    document.save(content)
    return content.getvalue()


def printable(text: str) -> str:
    """A text without the characters that XML has no place for."""
    return NOT_IN_XML.sub("", text)
