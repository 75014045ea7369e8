"""Edits in the database: each is written down with what was there before, so that it can be undone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.archive import editing
from app.archive.editing import Line, Refused
from app.archive.rows import line, row
from app.archive.tables import Edit, Segment, State, Transcript
from app.archive.transcripts import Conflict, Sessions
from app.speech.types import Word

Change = Callable[[Sequence[Line]], Sequence[Line]]


async def edit(
    sessions: Sessions, transcript: uuid.UUID, version: int, segment: int, what: str, value: str | int
) -> int:
    """Changes a segment, which counts as of that version; the version after it.

    `what` is text (another one), split (before a word), merge (with the next segment; no value) or speaker.
    Raises Conflict where the transcript is not of that version, or not done; Refused where it can't be done.
    """
    change, count = CHANGES[what](value)
    async with sessions.begin() as session:
        whole = await _locked(session, transcript, version)
        old = await _from(session, transcript, segment, count)
        new = [row(transcript, whole.language, each) for each in change([line(each) for each in old])]
        # The first stays what it was: whoever looks at it goes on looking at it.
        new[0].id = old[0].id
        return await _replace(session, whole, what, old, new)


async def tidy(
    session: AsyncSession, transcript: uuid.UUID, version: int, wanted: Sequence[Mapping[str, Any]]
) -> int:
    """Gives phrases another text, and says where paragraphs begin, as one edit; the version after it.

    `wanted` are changes as a Cleanup has them; phrases that have another text than before stay as they are.
    Raises Conflict.
    """
    whole = await _locked(session, transcript, version)
    changes = {each["segment"]: each for each in wanted}
    found = await session.scalars(
        select(Segment).where(Segment.transcript_id == transcript, Segment.id.in_(changes))
    )
    old = [each for each in found if each.text == changes[each.id]["before"]]
    if not old:
        raise Conflict("nothing of it can be taken: these phrases have been edited since")
    new = []
    for each in old:
        change = changes[each.id]
        content = editing.tidied(line(each), change["after"], paragraph=change["paragraph"])
        new.append(row(transcript, whole.language, content))
        new[-1].id = each.id
    return await _replace(session, whole, "tidy", old, new)


async def _replace(
    session: AsyncSession, whole: Transcript, what: str, old: Sequence[Segment], new: Sequence[Segment]
) -> int:
    before = [kept(each) for each in old]
    await session.execute(delete(Segment).where(Segment.id.in_([each.id for each in old])))
    session.add_all(new)
    await session.flush()
    # What was undone before it can't be done again.
    await session.execute(delete(Edit).where(Edit.transcript_id == whole.id, Edit.undone))
    number = await session.scalar(
        select(func.coalesce(func.max(Edit.number), 0) + 1).where(Edit.transcript_id == whole.id)
    )
    after = [kept(each) for each in new]
    session.add(Edit(transcript_id=whole.id, number=number, what=what, before=before, after=after))
    return _next(whole)


async def undo(sessions: Sessions, transcript: uuid.UUID, version: int) -> int:
    """Takes the last edit back; the version after that. Raises Conflict."""
    return await _swap(sessions, transcript, version, undone=False)


async def redo(sessions: Sessions, transcript: uuid.UUID, version: int) -> int:
    """Does again what was undone last; the version after that. Raises Conflict."""
    return await _swap(sessions, transcript, version, undone=True)


async def history(session: AsyncSession, transcript: uuid.UUID) -> Sequence[Edit]:
    """All edits, newest first."""
    found = await session.scalars(
        select(Edit).where(Edit.transcript_id == transcript).order_by(Edit.number.desc())
    )
    return found.all()


async def _swap(sessions: Sessions, transcript: uuid.UUID, version: int, *, undone: bool) -> int:
    async with sessions.begin() as session:
        whole = await _locked(session, transcript, version)
        order = Edit.number.asc() if undone else Edit.number.desc()
        found = await session.scalar(
            select(Edit)
            .where(Edit.transcript_id == transcript, Edit.undone == undone)
            .order_by(order)
            .limit(1)
        )
        if found is None:
            raise Conflict("there is nothing to do again" if undone else "there is nothing to undo")
        now, then = (found.before, found.after) if undone else (found.after, found.before)
        await session.execute(delete(Segment).where(Segment.id.in_([each["id"] for each in now])))
        session.add_all(restored(transcript, whole.language, each) for each in then)
        found.undone = not undone
        return _next(whole)


async def _locked(session: AsyncSession, transcript: uuid.UUID, version: int) -> Transcript:
    whole = await session.get(Transcript, transcript, with_for_update=True)
    assert whole is not None
    if whole.state != State.DONE:
        raise Conflict("it can be edited once it is done")
    if whole.version != version:
        raise Conflict(f"it was changed meanwhile (it is of version {whole.version}): load it again")
    return whole


async def _from(session: AsyncSession, transcript: uuid.UUID, segment: int, count: int) -> Sequence[Segment]:
    first = await session.get(Segment, segment)
    if first is None or first.transcript_id != transcript:
        raise Refused(f"there is no segment {segment}")
    found = await session.scalars(
        select(Segment)
        .where(
            Segment.transcript_id == transcript,
            (Segment.start > first.start) | ((Segment.start == first.start) & (Segment.id >= first.id)),
        )
        .order_by(Segment.start, Segment.id)
        .limit(count)
    )
    rows = found.all()
    if len(rows) < count:
        raise Refused("there is no segment after it")
    return rows


def _next(whole: Transcript) -> int:
    whole.version += 1
    whole.changed_at = func.now()
    return whole.version


CHANGES: dict[str, Callable[[Any], tuple[Change, int]]] = {
    "text": lambda text: (lambda lines: [editing.rewritten(lines[0], text)], 1),
    "split": lambda word: (lambda lines: editing.split(lines[0], word), 1),
    "merge": lambda _: (lambda lines: [editing.merged(*lines)], 2),
    "speaker": lambda name: (lambda lines: [editing.spoken_by(lines[0], name)], 1),
}
"""By what is changed: what becomes of the segments, and how many of them."""


def kept(segment: Segment) -> dict[str, Any]:
    """A segment as an edit keeps it."""
    return {
        "id": segment.id,
        "start": segment.start,
        "end": segment.end,
        "speaker": segment.speaker,
        "paragraph": bool(segment.paragraph),
        "words": segment.words,
    }


def restored(transcript: uuid.UUID, language: str, content: dict[str, Any]) -> Segment:
    """A segment that an edit kept, with its old id."""
    words = tuple(Word(*word) for word in content["words"])
    # What was kept before there were paragraphs says nothing of them.
    about = (content["start"], content["end"], content["speaker"], words, content.get("paragraph", False))
    found = row(transcript, language, Line(*about))
    found.id = content["id"]
    return found
