"""What transcribers write down: pieces that are cut, heard and done, each exactly once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from procrastinate import App
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.archive import jobs
from app.archive.editing import Line
from app.archive.languages import dictionary
from app.archive.rows import row
from app.archive.tables import UNFINISHED, Piece, Segment, State, Transcript
from app.archive.transcripts import Sessions
from app.speech.rest import transcript as spoken

MOST_ATTEMPTS = 3
"""A piece that failed so often, or killed its worker, is not tried again by itself."""
RESCUE = 0x726573637565
"""Number of the lock that one process alone rescues under; any would do."""
JOBLESS = """SELECT t.id FROM transcripts t WHERE t.state IN ('queued', 'working') AND t.deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing')
        AND j.args ->> 'transcript' = t.id::text)"""


@dataclass(frozen=True)
class Order:
    """A piece to recognise."""

    transcript: uuid.UUID
    number: int
    start: float
    """Where what is left of it begins, in seconds from the start of the file."""
    heard: float
    """Seconds of the piece before that, which are written down already."""
    language: str
    vocabulary: str


@dataclass(frozen=True)
class Heard:
    """What of a piece was recognised from one place in it to another, in seconds from its start."""

    since: float
    until: float
    segments: Sequence[spoken.Segment]
    """On a timeline that starts as the order does."""
    language: str


@dataclass
class Work:
    """The transcribers' side of the archive."""

    sessions: Sessions
    queue: App

    async def begin(self, transcript: uuid.UUID) -> bool:
        """Whether it is still wanted; it is being worked on from now on."""
        async with self.sessions.begin() as session:
            begun = await session.scalar(
                update(Transcript)
                .where(
                    Transcript.id == transcript,
                    Transcript.state.in_(UNFINISHED),
                    Transcript.deleted_at.is_(None),
                )
                .values(
                    state=State.WORKING,
                    started_at=func.coalesce(Transcript.started_at, func.now()),
                    changed_at=func.now(),
                )
                .returning(Transcript.id)
            )
            return begun is not None

    async def cut(self, transcript: uuid.UUID, spans: Sequence[tuple[float, float]], checksum: str) -> None:
        """It has these pieces, from and to in seconds: each becomes a job, unless it is done already."""
        seconds = spans[-1][1] if spans else 0.0
        async with self.sessions.begin() as session:
            await session.execute(
                update(Transcript)
                .where(Transcript.id == transcript)
                .values(seconds=seconds, checksum=checksum, changed_at=func.now())
            )
            if not spans:
                await _finish(session, transcript)
                return
            await session.execute(
                insert(Piece).on_conflict_do_nothing(),
                [
                    {"transcript_id": transcript, "number": number, "start": start, "end": end}
                    for number, (start, end) in enumerate(spans)
                ],
            )
            waiting = await session.scalars(
                select(Piece.number)
                .where(Piece.transcript_id == transcript, ~Piece.done)
                .order_by(Piece.number)
            )
            arguments = [{"transcript": str(transcript), "number": number} for number in waiting]
            await jobs.defer(
                self.queue, session, jobs.TRANSCRIBE, jobs.PIECES, arguments, jobs.priority(seconds)
            )
            if not arguments:
                await self._recognised(session, transcript)

    async def order(self, transcript: uuid.UUID, number: int) -> Order | None:
        """The piece, where it is still to be done; counts the attempt."""
        async with self.sessions.begin() as session:
            found = await session.get(Transcript, transcript)
            if found is None or found.state not in UNFINISHED or found.deleted_at is not None:
                return None
            piece = await session.scalar(
                select(Piece)
                .where(Piece.transcript_id == transcript, Piece.number == number)
                .with_for_update()
            )
            if piece is None or piece.done:
                return None
            if piece.attempts >= MOST_ATTEMPTS:
                found.state = State.FAILED
                found.problem = (
                    f"the piece from {spoken.clock(piece.start, '.')} on failed {piece.attempts} times"
                )
                found.changed_at = func.now()
                return None
            piece.attempts += 1
            return Order(
                transcript,
                number,
                piece.start + piece.heard,
                piece.heard,
                found.wanted_language or found.language,
                found.vocabulary,
            )

    async def heard(self, order: Order, found: Heard) -> bool:
        """Writes down what was heard since the last time. Whether the rest is still wanted of this worker."""
        async with self.sessions.begin() as session:
            return await _written(session, order, found) is not None

    async def done(self, order: Order, found: Heard) -> bool:
        """Writes down what was heard last; the piece is done. Whether the whole transcript is done now."""
        async with self.sessions.begin() as session:
            piece = await _written(session, order, found)
            if piece is None:
                return False
            piece.done = True
            await session.flush()
            left = await session.scalar(
                select(func.count()).where(Piece.transcript_id == order.transcript, ~Piece.done)
            )
            if left:
                return False
            await self._recognised(session, order.transcript)
            return True

    async def written(self, transcript: uuid.UUID) -> Sequence[Segment] | None:
        """All that was said, in order; None where it is not worked on any more."""
        async with self.sessions() as session:
            whole = await session.get(Transcript, transcript)
            if whole is None or whole.state not in UNFINISHED or whole.deleted_at is not None:
                return None
            found = await session.scalars(
                select(Segment).where(Segment.transcript_id == transcript).order_by(Segment.start, Segment.id)
            )
            return found.all()

    async def spoken(
        self,
        transcript: uuid.UUID,
        changed: Sequence[tuple[Segment, Sequence[Line]]],
        names: Mapping[str, str],
        problem: str = "",
    ) -> None:
        """Puts lines in the place of segments, names the speakers whose voices are known, and ends the
        transcript; only the first who does so."""
        async with self.sessions.begin() as session:
            whole = await session.get(Transcript, transcript, with_for_update=True)
            if whole is None or whole.state not in UNFINISHED:
                return
            await session.execute(delete(Segment).where(Segment.id.in_([each.id for each, _ in changed])))
            session.add_all(row(transcript, whole.language, line) for _, lines in changed for line in lines)
            whole.speakers = {**names, **whole.speakers}
            whole.problem = problem
            await _finish(session, transcript)

    async def _recognised(self, session: AsyncSession, transcript: uuid.UUID) -> None:
        """All of it is written down: it is done, or its speakers are told apart first."""
        whole = await session.get(Transcript, transcript)
        if whole is not None and whole.apart:
            await jobs.defer(self.queue, session, jobs.TELL, jobs.SPEAKERS, [{"transcript": str(transcript)}])
        else:
            await _finish(session, transcript)

    async def given_back(self, order: Order) -> None:
        """The piece was not done because this process stops: that is no failed attempt."""
        async with self.sessions.begin() as session:
            await session.execute(
                update(Piece)
                .where(Piece.transcript_id == order.transcript, Piece.number == order.number)
                .values(attempts=func.greatest(0, Piece.attempts - 1))
            )

    async def rescued(self) -> int:
        """Puts back into the queue what is unfinished and, whatever happened, has no job; how many.

        One process at a time looks; the others do nothing.
        """
        async with self.sessions.begin() as session:
            if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": RESCUE}):
                return 0
            # Cutting makes its pieces anew, which may be gone, and jobs for those that are not done.
            jobless = (await session.scalars(text(JOBLESS))).all()
            for each in jobless:
                await jobs.cut(self.queue, session, each)
            return len(jobless)

    async def failed(self, transcript: uuid.UUID, problem: str) -> None:
        """It can't be done; the problem is for people."""
        async with self.sessions.begin() as session:
            await session.execute(
                update(Transcript)
                .where(Transcript.id == transcript, Transcript.state.in_(UNFINISHED))
                .values(state=State.FAILED, problem=problem, changed_at=func.now())
            )


async def _written(session: AsyncSession, order: Order, found: Heard) -> Piece | None:
    """The piece, with these segments written down once whoever else heard them too; None where they are not
    wanted any more, or another worker is further."""
    # Whoever is second waits here, and finds it written.
    whole = await session.get(Transcript, order.transcript, with_for_update=True)
    if whole is None or whole.state not in UNFINISHED:
        return None
    piece = await session.scalar(
        select(Piece).where(Piece.transcript_id == order.transcript, Piece.number == order.number)
    )
    if piece is None or piece.done:
        return None
    if piece.heard == found.since:
        whole.language = whole.language or found.language
        session.add_all(segment(order, each, found.language) for each in found.segments)
        piece.heard = found.until
        if found.until > found.since:
            whole.changed_at = func.now()
    elif piece.heard != found.until:
        return None
    return piece


async def _finish(session: AsyncSession, transcript: uuid.UUID) -> None:
    await session.execute(
        update(Transcript)
        .where(Transcript.id == transcript)
        .values(state=State.DONE, finished_at=func.now(), changed_at=func.now())
    )


def segment(order: Order, found: spoken.Segment, language: str) -> Segment:
    """A segment of a piece, on the timeline of the whole file."""
    return Segment(
        transcript_id=order.transcript,
        # As words are, or one would stick out of its segment.
        start=round(found.start + order.start, 3),
        end=round(found.end + order.start, 3),
        words=[
            [word.text, round(word.start + order.start, 3), round(word.end + order.start, 3)]
            for word in found.words
        ],
        text=found.text,
        dictionary=dictionary(language),
    )
