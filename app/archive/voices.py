"""Voices that were given a name, by which they are known in later recordings (VOICE_PRINTS)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from procrastinate import App
from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.archive import jobs
from app.archive.tables import Segment, State, Transcript, Voice
from app.archive.transcripts import Sessions, Unknown


@dataclass
class Voices:
    """All of them. Each belongs to an owner, and is known by the print that was made last for its name."""

    sessions: Sessions
    queue: App

    async def every(self, owner: str) -> Sequence[Voice]:
        """An owner's, by name."""
        async with self.sessions() as session:
            found = await session.scalars(select(Voice).where(Voice.owner == owner).order_by(Voice.name))
            return found.all()

    async def forget(self, owner: str, voice: uuid.UUID) -> None:
        """Deletes a voice print. Raises Unknown."""
        async with self.sessions.begin() as session:
            gone = await session.scalar(
                delete(Voice).where(Voice.id == voice, Voice.owner == owner).returning(Voice.id)
            )
        if gone is None:
            raise Unknown("there is no such voice")

    async def named(self, transcript: uuid.UUID, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        """Has a print made of each speaker of a transcript whose name is another one now."""
        wanted = [
            {"transcript": str(transcript), "speaker": speaker, "name": name}
            for speaker, name in now.items()
            if before.get(speaker) != name
        ]
        async with self.sessions.begin() as session:
            await jobs.defer(self.queue, session, jobs.KNOW, jobs.SPEAKERS, wanted)

    async def said(self, transcript: uuid.UUID, speaker: str, name: str) -> Sequence[Segment]:
        """What a speaker says in a transcript that is done; nothing where the name is another one by now."""
        async with self.sessions() as session:
            if await _owner(session, transcript, speaker, name) is None:
                return []
            found = await session.scalars(
                select(Segment)
                .where(Segment.transcript_id == transcript, Segment.speaker == speaker)
                .order_by(Segment.start, Segment.id)
            )
            return found.all()

    async def keep(self, transcript: uuid.UUID, speaker: str, name: str, made: Sequence[float]) -> None:
        """Keeps the print of a speaker for that name, in place of what was kept of either."""
        async with self.sessions.begin() as session:
            owner = await _owner(session, transcript, speaker, name)
            if owner is None:
                return
            here = (Voice.transcript_id == transcript) & (Voice.speaker == speaker)
            same = (Voice.owner == owner) & (Voice.name == name)
            await session.execute(delete(Voice).where(or_(here, same)))
            values = {"transcript_id": transcript, "speaker": speaker, "print": list(made)}
            await session.execute(
                insert(Voice)
                .values(id=uuid.uuid4(), owner=owner, name=name, **values)
                .on_conflict_do_update(constraint="voices_once", set_={**values, "made_at": func.now()})
            )

    async def known_to(self, transcript: uuid.UUID) -> list[tuple[str, list[float]]]:
        """Name and print of the voices that a transcript's owner has named."""
        async with self.sessions() as session:
            rows = await session.execute(
                select(Voice.name, Voice.print)
                .join(Transcript, Transcript.owner == Voice.owner)
                .where(Transcript.id == transcript)
                .order_by(Voice.name)
            )
            return [(name, made) for name, made in rows]


async def _owner(session: AsyncSession, transcript: uuid.UUID, speaker: str, name: str) -> str | None:
    """Whose transcript it is, where that speaker still has that name in it."""
    whole = await session.get(Transcript, transcript)
    if whole is None or whole.state != State.DONE or whole.deleted_at is not None:
        return None
    return whole.owner if whole.speakers.get(speaker) == name else None
