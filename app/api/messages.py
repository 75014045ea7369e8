"""What api tells and is told, as JSON."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.archive.editing import Line, Stay, spread
from app.archive.state import State

if TYPE_CHECKING:
    from app.archive.tables import Segment, Transcript
    from app.archive.transcripts import Progress

SEEN = r"^[^\x00-\x1f\x7f]*$"
"""No control characters: PostgreSQL, XML or a list of subtitles has no place for one or the other."""
SPACED = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""The same, but lines and tabs may be in it."""
Title = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=SEEN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=SEEN)]
LARGEST_ID = 2**63 - 1
LONGEST_SOUND = 1e6
"""Seconds: eleven days."""
LANGUAGE = r"^([a-z]{2,3})?$"


class TranscriptView(BaseModel):
    """A transcript without its text. `progress` is 0 to 1; times of sound are in seconds."""

    id: uuid.UUID
    title: str
    file: str
    size: int
    received: int
    state: State
    problem: str
    language: str
    seconds: float | None
    progress: float
    tags: list[str]
    speakers: dict[str, str]
    version: int
    made_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    changed_at: datetime

    @classmethod
    def of(cls, found: Transcript, progress: Progress | None) -> TranscriptView:
        """The view of a row."""
        return cls(
            id=found.id, title=found.title, file=found.name, size=found.size, received=found.received,
            state=State(found.state), problem=found.problem, language=found.language or found.wanted_language,
            seconds=found.seconds, progress=share(found, progress), tags=found.tags,
            speakers=found.speakers, version=found.version, made_at=found.made_at,
            started_at=found.started_at, finished_at=found.finished_at, changed_at=found.changed_at,
        )  # fmt: skip


def share(found: Transcript, progress: Progress | None) -> float:
    """How much of its sound is recognised, 0 to 1."""
    if found.state == State.DONE:
        return 1.0
    if progress is None or not found.seconds:
        return 0.0
    return round(min(1.0, progress.heard / found.seconds), 3)


class SegmentView(BaseModel):
    """A phrase; `words` are [text, start, end]. `paragraph`: one begins here."""

    id: int
    start: float
    end: float
    speaker: str
    paragraph: bool
    text: str
    words: list[Any]

    @classmethod
    def of(cls, found: Segment) -> SegmentView:
        """The view of a row."""
        return cls(
            id=found.id, start=found.start, end=found.end, speaker=found.speaker, paragraph=found.paragraph,
            text=found.text, words=found.words,
        )  # fmt: skip


class WholeTranscript(TranscriptView):
    """A transcript with its text; `same_as` is an older one of the very same file."""

    segments: list[SegmentView]
    same_as: uuid.UUID | None = None


class Transcripts(BaseModel):
    """Some of an owner's transcripts, newest first; `before` asks for the next ones, where there are more."""

    transcripts: list[TranscriptView]
    before: datetime | None


class ExcerptView(BaseModel):
    """A phrase in which something was found; every second part of it is what was looked for.

    `similar`: not as it is written, but a name that is like it.
    """

    transcript: uuid.UUID
    title: str
    segment: int
    start: float
    parts: list[str]
    similar: bool


class Found(BaseModel):
    """What a search found: transcripts by their title, and phrases, best first."""

    transcripts: list[TranscriptView]
    phrases: list[ExcerptView]


class VoiceView(BaseModel):
    """A voice that is known in later recordings, by the name that its owner gave it."""

    id: uuid.UUID
    name: str
    made_at: datetime


class VoiceList(BaseModel):
    """All of an owner's, by name. `kept`: whether voices that are given a name are kept, and known again."""

    kept: bool
    voices: list[VoiceView]


class Changes(BaseModel):
    """What an owner changes of a transcript; what is not named stays."""

    title: Title | None = None
    tags: list[Name] | None = Field(None, max_length=50)
    speakers: dict[Name, Name] | None = Field(None, max_length=100)


class SaidLine(BaseModel):
    """A phrase that was written down elsewhere; its words share its time."""

    start: float = Field(ge=0, le=LONGEST_SOUND)
    end: float = Field(ge=0, le=LONGEST_SOUND)
    text: str = Field(max_length=20_000, pattern=SPACED)


class TextWish(BaseModel):
    """A text that was written down elsewhere. `sound` says that a file follows, sent with `text_of`."""

    title: Title
    language: str = Field("", pattern=LANGUAGE)
    segments: list[SaidLine] = Field(min_length=1, max_length=20_000)
    sound: bool = False

    @property
    def lines(self) -> list[Line]:
        """Its phrases in order, none over another."""
        found: list[Line] = []
        for each in sorted(self.segments, key=lambda each: each.start):
            start = max(each.start, found[-1].end if found else 0.0)
            end = max(start, each.end)
            if words := each.text.split():
                found.append(Line(start, end, "", tuple(spread(words, start, end))))
        return found


class EditWish(BaseModel):
    """An edit of a segment of that version of the transcript."""

    version: int
    segment: int = Field(ge=1, le=LARGEST_ID)
    what: Literal["text", "split", "merge", "speaker"]
    text: str = Field("", max_length=20_000, pattern=SPACED)
    word: int = 0

    @property
    def value(self) -> str | int:
        """What the edit is made with."""
        return self.word if self.what == "split" else self.text


CleanupState = Literal["", "queued", "working", "done", "failed"]


class ChangedPhrase(BaseModel):
    """A phrase that a clean-up changes: its words in order, each part "same", "gone" or "new"."""

    segment: int
    start: float
    paragraph: bool
    parts: list[tuple[Stay, str]]


class ChapterView(BaseModel):
    """Where a chapter begins, in seconds."""

    start: float
    title: str


class CleanupView(BaseModel):
    """What a language model made of a transcript. `available` is false where the settings name none; `state`
    is empty where it was not asked; `refused` parts of the text stay as they are, since it changed words.
    """

    available: bool
    state: CleanupState = ""
    problem: str = ""
    progress: float = 0.0
    refused: int = 0
    changes: list[ChangedPhrase] = []
    summary: str = ""
    chapters: list[ChapterView] = []
    actions: list[str] = []


class OfVersion(BaseModel):
    """The version that an undo or redo is meant for."""

    version: int


class EditView(BaseModel):
    """An edit that was made."""

    number: int
    what: str
    undone: bool
    made_at: datetime
    before: str
    after: str
