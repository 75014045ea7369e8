"""The tables. Times of sound are in seconds from the start of the file."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Computed, DateTime, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL, REGCONFIG, TSVECTOR, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.archive.state import State as State

UNFINISHED = (State.QUEUED, State.WORKING)


class Base(DeclarativeBase):
    """What all tables have in common."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
    }


class Transcript(Base):
    """An uploaded file and what is made of it. Its file and its pieces lie in storage under its id."""

    __tablename__ = "transcripts"
    id: Mapped[uuid.UUID] = mapped_column(UUID, primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    """Name of the file, as its owner knows it."""
    title: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the whole file."""
    received: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes of it that are here."""
    checksum: Mapped[str] = mapped_column(server_default="")
    """SHA-256, hexadecimal, once all of it is here."""
    wanted_language: Mapped[str] = mapped_column(server_default="")
    """What its owner says is spoken; empty: it is found out."""
    language: Mapped[str] = mapped_column(server_default="")
    vocabulary: Mapped[str] = mapped_column(server_default="")
    """Names and words that are said in it."""
    apart: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether its speakers are to be told apart."""
    text_of: Mapped[uuid.UUID | None] = mapped_column(UUID)
    """The transcript that this file is the sound of; once it is here, it takes that one's text over."""
    state: Mapped[str]
    problem: Mapped[str] = mapped_column(server_default="")
    seconds: Mapped[float | None]
    """Length of its sound; unknown before it is cut."""
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    speakers: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    version: Mapped[int] = mapped_column(server_default="0")
    """Counts the changes of its text."""
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    announced: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether its end has been written down for the webhook."""

    __table_args__ = (
        Index("transcripts_of_owner", "owner", "made_at"),
        Index("transcripts_changed", "changed_at"),
    )


class Piece(Base):
    """A part of a transcript's sound, cut at silence: the unit of work."""

    __tablename__ = "pieces"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    transcript_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("transcripts.id", ondelete="CASCADE"))
    number: Mapped[int]
    start: Mapped[float]
    end: Mapped[float]
    heard: Mapped[float] = mapped_column(server_default="0")
    """Seconds of it that are recognised so far."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    done: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (UniqueConstraint("transcript_id", "number", name="pieces_once"),)


class Segment(Base):
    """A phrase of a transcript. `words` are [text, start, end]."""

    __tablename__ = "segments"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    transcript_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("transcripts.id", ondelete="CASCADE"))
    start: Mapped[float]
    end: Mapped[float]
    speaker: Mapped[str] = mapped_column(server_default="")
    paragraph: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether a paragraph begins here, whatever the pause before it."""
    words: Mapped[list[Any]] = mapped_column(JSONB)
    text: Mapped[str]
    dictionary: Mapped[str] = mapped_column(REGCONFIG)
    search: Mapped[Any] = mapped_column(
        TSVECTOR, Computed("to_tsvector(dictionary, text)", persisted=True), deferred=True
    )
    names: Mapped[list[str]] = mapped_column(
        ARRAY(Text), Computed("near_names(text)", persisted=True), deferred=True
    )
    """The spellings that are near to the names in it. As `search`, for the database alone."""

    __table_args__ = (
        Index("segments_in_order", "transcript_id", "start", "id"),
        Index("segments_search", "search", postgresql_using="gin"),
        Index("segments_names", "names", postgresql_using="gin"),
    )


class Edit(Base):
    """A change of a transcript's text: the segments before and after it, so that it can be undone."""

    __tablename__ = "edits"
    transcript_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("transcripts.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    what: Mapped[str]
    before: Mapped[list[Any]] = mapped_column(JSONB)
    after: Mapped[list[Any]] = mapped_column(JSONB)
    undone: Mapped[bool] = mapped_column(server_default=text("false"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Cleanup(Base):
    """What a language model makes of a transcript's text: a proposal, until its owner takes or leaves it."""

    __tablename__ = "cleanups"
    id: Mapped[uuid.UUID] = mapped_column(UUID, primary_key=True)
    transcript_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("transcripts.id", ondelete="CASCADE"), unique=True
    )
    version: Mapped[int]
    """The transcript's, of which it is made."""
    state: Mapped[str]
    """queued, working, done or failed, as a transcript's."""
    problem: Mapped[str] = mapped_column(server_default="")
    turn: Mapped[int] = mapped_column(server_default="0")
    """Counts the attempts; what an earlier one writes is not wanted any more."""
    parts: Mapped[int] = mapped_column(server_default="0")
    """Questions that it takes."""
    done: Mapped[int] = mapped_column(server_default="0")
    """Of these, those that are answered."""
    refused: Mapped[int] = mapped_column(server_default="0")
    """Parts of the text that stay as they are, since the model changed words, or made no sense."""
    changes: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    """Of each phrase that changes: segment, before, after, paragraph."""
    outlines: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    """What was said in each section: summary, chapters, actions."""
    summary: Mapped[str] = mapped_column(server_default="")
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Voice(Base):
    """A voice that its owner gave a name, in a recording that need not be there any more."""

    __tablename__ = "voices"
    id: Mapped[uuid.UUID] = mapped_column(UUID, primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    print: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    """What it sounds like, of length 1: near to others of the same voice."""
    transcript_id: Mapped[uuid.UUID] = mapped_column(UUID)
    speaker: Mapped[str]
    """As the transcript calls it."""
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("owner", "name", name="voices_once"),)


class Delivery(Base):
    """Something that is told to the webhook: the very bytes, until they are taken or given up."""

    __tablename__ = "deliveries"
    id: Mapped[uuid.UUID] = mapped_column(UUID, primary_key=True)
    transcript_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("transcripts.id", ondelete="CASCADE"))
    body: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default="0")
    ended: Mapped[bool] = mapped_column(server_default=text("false"))
    problem: Mapped[str] = mapped_column(server_default="")
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("deliveries_due", "next_at", postgresql_where=text("NOT ended")),)
