"""A transcript's life, from its first byte to its deletion. Nothing here is seen by another owner."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from procrastinate import App
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.archive import jobs
from app.archive.editing import Line
from app.archive.rows import row
from app.archive.storage import Storage
from app.archive.tables import UNFINISHED, Cleanup, Edit, Piece, Segment, State, Transcript

Sessions = async_sessionmaker[AsyncSession]
ABANDONED = timedelta(days=1)
"""An upload that nothing came of for so long is given up."""


class Unknown(LookupError):
    """There is no such transcript for this owner."""


class Conflict(RuntimeError):
    """That can't be done with the transcript as it is. The message says why."""


@dataclass(frozen=True)
class Wishes:
    """What an owner says of a file. `language` empty: it is found out."""

    name: str
    title: str = ""
    language: str = ""
    vocabulary: str = ""
    apart: bool = False
    """Whether speakers are to be told apart."""
    text_of: uuid.UUID | None = None
    """The transcript that the file is the sound of."""


@dataclass(frozen=True)
class Progress:
    """How far a transcript is: seconds that are recognised, pieces that are done and all of them."""

    heard: float
    done: int
    pieces: int


@dataclass
class Transcripts:
    """All transcripts."""

    sessions: Sessions
    storage: Storage
    queue: App

    async def begin(self, owner: str, size: int, wishes: Wishes, known: uuid.UUID | None = None) -> uuid.UUID:
        """An upload of so many bytes is about to arrive; the id of what becomes of it. Raises Unknown."""
        if wishes.text_of is not None:
            await self.get(owner, wishes.text_of)
        transcript = Transcript(
            id=known or uuid.uuid4(),
            owner=owner,
            name=wishes.name,
            title=wishes.title or wishes.name.rpartition(".")[0] or wishes.name,
            size=size,
            wanted_language=wishes.language,
            vocabulary=wishes.vocabulary,
            text_of=wishes.text_of,
            apart=wishes.apart,
            state=State.ARRIVING,
        )
        new = transcript.id
        self.storage.make(new)
        async with self.sessions.begin() as session:
            session.add(transcript)
        return new

    async def received(self, transcript: uuid.UUID, size: int) -> None:
        """So many bytes of it are on the disk."""
        await self._set(transcript, received=size)

    async def arrived(self, transcript: uuid.UUID) -> Transcript | None:
        """All of it is on the disk: it is worked off from now on. The second time does nothing: None.

        Raises OutOfReach.
        """
        await asyncio.to_thread(self.storage.keep, transcript)
        async with self.sessions.begin() as session:
            changed = await session.scalar(
                update(Transcript)
                .where(Transcript.id == transcript, Transcript.state == State.ARRIVING)
                .values(state=State.QUEUED, received=Transcript.size, changed_at=func.now())
                .returning(Transcript)
            )
            if changed is not None and not await _with_text(session, transcript):
                await jobs.cut(self.queue, session, transcript)
        await asyncio.to_thread(self.storage.kept, transcript)
        return changed

    async def written(
        self, owner: str, title: str, language: str, lines: Sequence[Line], *, has_sound: bool
    ) -> uuid.UUID:
        """A transcript of a text that was written down elsewhere; its id. Its sound may follow."""
        new = uuid.uuid4()
        async with self.sessions.begin() as session:
            session.add(
                Transcript(
                    id=new,
                    owner=owner,
                    name=title,
                    title=title,
                    size=0,
                    language=language,
                    seconds=max(each.end for each in lines),
                    state=State.DONE,
                    finished_at=func.now(),
                    # With its sound it is another transcript, which is told of then.
                    announced=has_sound,
                )
            )
            await session.flush()
            session.add_all(row(new, language, each) for each in lines)
        return new

    async def forget(self, transcript: uuid.UUID) -> None:
        """Deletes it for good. Its files go first: where they can't be reached, it is tried again later."""
        await asyncio.to_thread(self.storage.drop, transcript)
        async with self.sessions.begin() as session:
            await session.execute(delete(Transcript).where(Transcript.id == transcript))

    async def get(self, owner: str, transcript: uuid.UUID, *, deleted: bool = False) -> Transcript:
        """The transcript. Raises Unknown."""
        async with self.sessions() as session:
            found = await session.get(Transcript, transcript)
        if found is None or found.owner != owner or (found.deleted_at is not None and not deleted):
            raise Unknown(f"there is no transcript {transcript}")
        return found

    async def segments(self, transcript: uuid.UUID) -> Sequence[Segment]:
        """Its segments so far, in order."""
        async with self.sessions() as session:
            found = await session.scalars(
                select(Segment).where(Segment.transcript_id == transcript).order_by(Segment.start, Segment.id)
            )
            return found.all()

    async def progress(self, transcripts: Sequence[uuid.UUID]) -> dict[uuid.UUID, Progress]:
        """How far those are that are cut."""
        async with self.sessions() as session:
            rows = await session.execute(
                select(
                    Piece.transcript_id,
                    func.sum(Piece.heard),
                    func.count().filter(Piece.done),
                    func.count(),
                )
                .where(Piece.transcript_id.in_(transcripts))
                .group_by(Piece.transcript_id)
            )
            return {row[0]: Progress(*row[1:]) for row in rows}

    async def same(self, found: Transcript) -> uuid.UUID | None:
        """An older transcript of the very same file, where its owner has one."""
        if not found.checksum:
            return None
        async with self.sessions() as session:
            other: uuid.UUID | None = await session.scalar(
                select(Transcript.id)
                .where(
                    Transcript.owner == found.owner,
                    Transcript.checksum == found.checksum,
                    Transcript.made_at < found.made_at,
                    Transcript.deleted_at.is_(None),
                )
                .order_by(Transcript.made_at)
                .limit(1)
            )
            return other

    async def change(self, owner: str, transcript: uuid.UUID, **values: object) -> None:
        """Changes title, tags or speakers' names. Raises Unknown."""
        await self.get(owner, transcript)
        await self._set(transcript, **values)

    async def cancel(self, owner: str, transcript: uuid.UUID) -> None:
        """Has its work stopped; what is written down stays. Raises Unknown, Conflict."""
        await self._turn(owner, transcript, UNFINISHED, State.CANCELLED, "it is not being worked on")

    async def again(self, owner: str, transcript: uuid.UUID) -> None:
        """Works off once more what failed or was cancelled, from where it was. Raises Unknown, Conflict."""
        await self.get(owner, transcript)
        async with self.sessions.begin() as session:
            changed = await session.scalar(
                update(Transcript)
                .where(Transcript.id == transcript, Transcript.state.in_([State.FAILED, State.CANCELLED]))
                .values(state=State.QUEUED, problem="", announced=False, changed_at=func.now())
                .returning(Transcript.id)
            )
            if changed is None:
                raise Conflict("only what failed or was cancelled can be started again")
            await session.execute(update(Piece).where(Piece.transcript_id == transcript).values(attempts=0))
            await jobs.cut(self.queue, session, transcript)

    async def delete(self, owner: str, transcript: uuid.UUID) -> None:
        """Deletes it: it can be restored until it is purged. Raises Unknown."""
        found = await self.get(owner, transcript)
        if found.state in UNFINISHED:
            with suppress(Conflict):  # It has just become done.
                await self.cancel(owner, transcript)
        await self._set(transcript, deleted_at=func.now())

    async def restore(self, owner: str, transcript: uuid.UUID) -> None:
        """Takes a deletion back. Raises Unknown."""
        await self.get(owner, transcript, deleted=True)
        await self._set(transcript, deleted_at=None)

    async def purge(self, kept: timedelta) -> int:
        """Deletes for good what was deleted longer ago, and uploads that broke off; how many."""
        now = datetime.now(UTC)
        async with self.sessions() as session:
            found = await session.scalars(
                select(Transcript.id).where(
                    (Transcript.deleted_at < now - kept)
                    | ((Transcript.state == State.ARRIVING) & (Transcript.changed_at < now - ABANDONED))
                )
            )
            gone = found.all()
        for transcript in gone:
            await self.forget(transcript)
        return len(gone)

    async def _turn(
        self, owner: str, transcript: uuid.UUID, before: Sequence[State], after: State, problem: str
    ) -> None:
        await self.get(owner, transcript)
        async with self.sessions.begin() as session:
            changed = await session.scalar(
                update(Transcript)
                .where(Transcript.id == transcript, Transcript.state.in_(before))
                .values(state=after, changed_at=func.now())
                .returning(Transcript.id)
            )
        if changed is None:
            raise Conflict(problem)

    async def _set(self, transcript: uuid.UUID, **values: object) -> None:
        async with self.sessions.begin() as session:
            await session.execute(
                update(Transcript).where(Transcript.id == transcript).values(**values, changed_at=func.now())
            )


async def _with_text(session: AsyncSession, transcript: uuid.UUID) -> bool:
    """Whether the file is the sound of a text, which is its own from now on."""
    sound = await session.get(Transcript, transcript)
    if sound is None or sound.text_of is None:
        return False
    text = await session.get(Transcript, sound.text_of, with_for_update=True)
    if text is None or text.deleted_at is not None or text.owner != sound.owner or text.size:
        return False
    for table in (Segment, Edit, Cleanup):
        await session.execute(
            update(table).where(table.transcript_id == text.id).values(transcript_id=transcript)
        )
    for name in ("title", "language", "seconds", "tags", "speakers", "version", "made_at", "finished_at"):
        setattr(sound, name, getattr(text, name))
    sound.state = State.DONE
    await session.delete(text)
    return True
