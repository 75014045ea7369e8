"""Search over everything that was said, and over titles; the list of transcripts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import cast

from app.archive.languages import SIMPLE, dictionary
from app.archive.tables import Segment, Transcript

FROM, TO = "\x02", "\x03"
"""Around what was found in an excerpt: no text has these characters."""
EXCERPTS = 200
"""Phrases that are told of a search, best first."""
RANKED = 5_000
"""Phrases that are ranked: of a word that is said more often than that, the newest."""


@dataclass(frozen=True)
class Excerpt:
    """A phrase in which something was found; `parts` are its text, every second one what was looked for."""

    transcript: uuid.UUID
    title: str
    segment: int
    start: float
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Filter:
    """Which transcripts: of this state, with this tag, made before that one; all where nothing is said."""

    state: str = ""
    tag: str = ""
    before: datetime | None = None


async def listed(session: AsyncSession, owner: str, wanted: Filter, limit: int) -> Sequence[Transcript]:
    """An owner's transcripts, newest first."""
    query = select(Transcript).where(Transcript.owner == owner, Transcript.deleted_at.is_(None))
    if wanted.state:
        query = query.where(Transcript.state == wanted.state)
    if wanted.tag:
        query = query.where(Transcript.tags.contains([wanted.tag]))
    if wanted.before:
        query = query.where(Transcript.made_at < wanted.before)
    found = await session.scalars(query.order_by(Transcript.made_at.desc(), Transcript.id).limit(limit))
    return found.all()


async def titled(session: AsyncSession, owner: str, words: str, limit: int) -> Sequence[Transcript]:
    """Transcripts whose title or file name has the words in it, newest first."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = await session.scalars(
        select(Transcript)
        .where(
            Transcript.owner == owner,
            Transcript.deleted_at.is_(None),
            or_(Transcript.title.ilike(f"%{escaped}%"), Transcript.name.ilike(f"%{escaped}%")),
        )
        .order_by(Transcript.made_at.desc())
        .limit(limit)
    )
    return found.all()


async def said(session: AsyncSession, owner: str, words: str, limit: int = EXCERPTS) -> list[Excerpt]:
    """Phrases in which the words were said, best first; "quoted words" in a row, -without, or."""
    languages = await session.scalars(
        select(Transcript.language).where(Transcript.owner == owner, Transcript.language != "").distinct()
    )
    sought = query(sorted({dictionary(each) for each in languages}), words)
    # The query has no column in it, so that the index is used; each phrase is marked by its own language.
    newest = (
        select(
            Segment.id,
            Segment.start,
            Segment.text,
            Segment.dictionary,
            Segment.search,
            Transcript.id.label("transcript"),
            Transcript.title,
        )
        .join(Transcript, Transcript.id == Segment.transcript_id)
        .where(Segment.search.op("@@")(sought), Transcript.owner == owner, Transcript.deleted_at.is_(None))
        .order_by(Segment.id.desc())
        .limit(RANKED)
        .subquery()
    )
    rank = func.ts_rank(newest.c.search, sought).label("rank")
    best = select(newest, rank).order_by(rank.desc(), newest.c.id).limit(limit).subquery()
    rows = await session.execute(
        select(
            best.c.transcript,
            best.c.title,
            best.c.id,
            best.c.start,
            func.ts_headline(
                best.c.dictionary,
                best.c.text,
                sought,
                f"HighlightAll=true, StartSel={FROM}, StopSel={TO}",
            ),
        ).order_by(best.c.rank.desc(), best.c.id)
    )
    return [Excerpt(*row[:4], parts=parts(row[4])) for row in rows]


def query(dictionaries: Sequence[str], words: str) -> ColumnElement[Any]:
    """What is looked for, by the rules of all those dictionaries."""
    each: list[ColumnElement[Any]] = [
        func.websearch_to_tsquery(cast(name, REGCONFIG), words, type_=TSQUERY)
        for name in dictionaries or [SIMPLE]
    ]
    whole = each[0]
    for other in each[1:]:
        whole = whole.op("||", return_type=TSQUERY())(other)
    return whole


def parts(marked: str) -> tuple[str, ...]:
    """A marked text as parts: every second one is what was looked for."""
    return tuple(marked.replace(TO, FROM).split(FROM))
