"""Search over everything that was said, and over titles; the list of transcripts."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, REGCONFIG, TSQUERY, array
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
FEW = 10
"""Phrases that are found as the words are written: where there are less, similar names are looked for too."""
SIMILAR = 50
"""Phrases with similar names that are told, most similar first."""
WORD = re.compile(r"\w+")
SIGNED = re.compile(r"\w(.*\w)?")
WORDS = 8
"""Words of a question among which names are looked for."""
EXACTLY = re.compile(r'"|(^|\s)-\w|\bor\b', re.IGNORECASE)
"""Signs that somebody says exactly what is meant."""


@dataclass(frozen=True)
class Excerpt:
    """A phrase in which something was found; `parts` are its text, every second one what was looked for.

    `similar`: it has a name that is written a little otherwise.
    """

    transcript: uuid.UUID
    title: str
    segment: int
    start: float
    parts: tuple[str, ...]
    similar: bool = False


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
    """Phrases in which the words were said, best first; "quoted words" in a row, -without, or.

    Where these are few, those with similar names come after them.
    """
    languages = await session.scalars(
        select(Transcript.language).where(Transcript.owner == owner, Transcript.language != "").distinct()
    )
    dictionaries = sorted({dictionary(each) for each in languages})
    found = await exact(session, owner, query(dictionaries, words), limit)
    if len(found) < FEW and not EXACTLY.search(words):
        found += await similar(session, owner, dictionaries, words, [each.segment for each in found])
    return found


async def exact(session: AsyncSession, owner: str, sought: ColumnElement[Any], limit: int) -> list[Excerpt]:
    """Phrases that a query finds, best first."""
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


async def similar(
    session: AsyncSession, owner: str, dictionaries: Sequence[str], words: str, known: Sequence[int]
) -> list[Excerpt]:
    """Phrases, but for those that are known, with every one of the words or with a name like it: most similar
    first, of these the newest."""
    asked = WORD.findall(words)[:WORDS]
    if not asked:
        return []
    near = [func.near_names(each[:1].upper() + each[1:], type_=ARRAY(Text)) for each in asked]
    written = [query(dictionaries, each) for each in asked]
    told = (await session.execute(select(*near, *map(func.numnode, written)))).one()
    # Words such as "the" have no node: they are in no phrase, and say nothing.
    wanted = [
        (spellings, each)
        for spellings, nodes, each in zip(told, told[len(asked) :], written, strict=False)
        if nodes
    ]
    names = sorted({name for spellings, _ in wanted for name in spellings})
    if not names:
        return []
    newest = (
        select(Transcript.id.label("transcript"), Transcript.title)
        .add_columns(Segment.id, Segment.start, Segment.text, Segment.dictionary, Segment.names)
        .join(Transcript, Transcript.id == Segment.transcript_id)
        .where(Transcript.owner == owner, Transcript.deleted_at.is_(None), Segment.id.not_in(known))
        .where(*(or_(Segment.names.overlap(near), Segment.search.op("@@")(each)) for near, each in wanted))
        .order_by(Segment.id.desc())
        .limit(RANKED)
        .subquery()
    )
    common = select(func.unnest(newest.c.names)).intersect(select(func.unnest(array(names))))
    alike = func.cardinality(func.array(common.scalar_subquery())).label("alike")
    best = select(newest, alike).order_by(alike.desc(), newest.c.id.desc()).limit(SIMILAR).subquery()
    word = func.unnest(func.string_to_array(best.c.text, " ")).column_valued("word")
    meant = or_(
        func.near_names(word, type_=ARRAY(Text)).overlap(names),
        *(func.to_tsvector(best.c.dictionary, word).op("@@")(each) for _, each in wanted),
    )
    marked = func.array(select(word).where(meant).scalar_subquery(), type_=ARRAY(Text))
    rows = await session.execute(
        select(best.c.transcript, best.c.title, best.c.id, best.c.start, best.c.text, marked).order_by(
            best.c.alike.desc(), best.c.id.desc()
        )
    )
    return [
        Excerpt(transcript, title, segment, start, parts(mark(said, words)), similar=True)
        for transcript, title, segment, start, said, words in rows
    ]


def mark(text: str, words: Collection[str]) -> str:
    """A text with marks around those of its words, without the signs before and after them."""
    return " ".join(
        SIGNED.sub(rf"{FROM}\g<0>{TO}", each) if each in words else each for each in text.split(" ")
    )


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
