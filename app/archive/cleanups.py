"""Clean-ups in the database: asked for, worked off part by part, and taken or left."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from procrastinate import App
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.archive import edits, jobs
from app.archive.tables import UNFINISHED, Cleanup, Segment, State, Transcript
from app.archive.transcripts import Conflict, Sessions


@dataclass
class Cleanups:
    """All of them. Whose a transcript is has been asked before."""

    sessions: Sessions
    queue: App

    async def of(self, transcript: uuid.UUID) -> Cleanup | None:
        """The transcript's, where it has one."""
        async with self.sessions() as session:
            return await found(session, transcript)

    async def ask(self, transcript: uuid.UUID) -> None:
        """Has a transcript cleaned up; one that failed goes on where it was, unless the text has changed.

        Raises Conflict.
        """
        async with self.sessions.begin() as session:
            whole = await session.get(Transcript, transcript, with_for_update=True)
            if whole is None or whole.state != State.DONE:
                raise Conflict("it can be cleaned up once it is done")
            if not await session.scalar(
                select(func.count()).select_from(Segment).where(Segment.transcript_id == transcript)
            ):
                raise Conflict("there is no text to clean up")
            known = await found(session, transcript)
            if known is not None and known.state in UNFINISHED:
                raise Conflict("it is being cleaned up already")
            if known is not None and known.state == State.FAILED and known.version == whole.version:
                known.state, known.problem = State.QUEUED, ""
            else:
                if known is not None:
                    await session.delete(known)
                    await session.flush()
                known = Cleanup(
                    id=uuid.uuid4(), transcript_id=transcript, version=whole.version, state=State.QUEUED
                )
                session.add(known)
                await session.flush()
            await self._defer(session, known.id)

    async def begin(self, cleanup: uuid.UUID) -> tuple[Cleanup, str] | None:
        """It is worked on from now on, and by nobody who began earlier. The language of its text beside it;
        None where it is not wanted any more.
        """
        async with self.sessions.begin() as session:
            known = await session.get(Cleanup, cleanup, with_for_update=True)
            whole = await session.get(Transcript, known.transcript_id) if known else None
            if known is None or whole is None or known.state not in UNFINISHED:
                return None
            known.state, known.turn = State.WORKING, known.turn + 1
            if known.version != whole.version:
                # The text was edited before it went on: its parts are others now.
                known.version, known.parts, known.done, known.refused = whole.version, 0, 0, 0
                known.changes, known.outlines = [], []
            return known, whole.language

    async def wrote(self, known: Cleanup, **values: object) -> bool:
        """Notes what has been found. Whether the rest is still wanted, of this attempt."""
        async with self.sessions.begin() as session:
            wanted = await session.scalar(
                update(Cleanup)
                .where(Cleanup.id == known.id, Cleanup.turn == known.turn, Cleanup.state == State.WORKING)
                .values(**values)
                .returning(Cleanup.id)
            )
            return wanted is not None

    async def take(self, transcript: uuid.UUID, version: int) -> None:
        """Makes what it changes an edit of that version. Raises Conflict."""
        async with self.sessions.begin() as session:
            known = await found(session, transcript)
            if known is None or known.state != State.DONE or not known.changes:
                raise Conflict("there is nothing to take")
            await edits.tidy(session, transcript, version, known.changes)
            known.changes = []

    async def leave(self, transcript: uuid.UUID) -> None:
        """Leaves the text as it is, and gives up what is unfinished. A summary stays, where there is one."""
        async with self.sessions.begin() as session:
            known = await found(session, transcript)
            if known is not None and known.state == State.DONE and (known.summary or known.outlines):
                known.changes = []
            else:
                await session.execute(delete(Cleanup).where(Cleanup.transcript_id == transcript))

    async def unfinished(self) -> int:
        """Puts all that are unfinished into the queue, whatever became of their jobs; how many."""
        async with self.sessions.begin() as session:
            query = select(Cleanup.id).where(Cleanup.state.in_(UNFINISHED))
            known = (await session.scalars(query)).all()
            for each in known:
                await self._defer(session, each)
            return len(known)

    async def _defer(self, session: AsyncSession, cleanup: uuid.UUID) -> None:
        await jobs.defer(self.queue, session, jobs.CLEAN, jobs.CLEANING, [{"cleanup": str(cleanup)}])


async def found(session: AsyncSession, transcript: uuid.UUID) -> Cleanup | None:
    """The transcript's, where it has one."""
    known: Cleanup | None = await session.scalar(select(Cleanup).where(Cleanup.transcript_id == transcript))
    return known


def chapters(known: Cleanup) -> list[dict[str, Any]]:
    """All chapters, of all sections: start in seconds and title."""
    return [chapter for outline in known.outlines for chapter in outline["chapters"]]


def actions(known: Cleanup) -> list[str]:
    """What is to be done, each once."""
    return list(dict.fromkeys(action for outline in known.outlines for action in outline["actions"]))
