"""Random operations on the archive and on a model of it: both always agree. (TRN-1 to TRN-5)"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import async_sessionmaker

from app.archive import database, edits, jobs, migrate
from app.archive.editing import Refused
from app.archive.storage import storage_of
from app.archive.tables import Piece, Segment, State, Transcript
from app.archive.transcripts import Conflict, Transcripts, Unknown, Wishes
from app.archive.work import MOST_ATTEMPTS, Heard, Order, Work
from app.settings import Settings
from app.speech.rest import transcript as spoken
from app.speech.types import Word

STEPS = 50
EXAMPLES, THOROUGH = 6, 300
MOST = 3
"""Transcripts at once: few, so that much happens to each."""
OWNERS = ("arrive", "cancel", "again", "delete", "restore", "fail")
OWNER = "somebody"
PIECE = 100.0
UNFINISHED = (State.QUEUED, State.WORKING)

Given = TypeVar("Given")


@dataclass
class PieceModel:
    """A piece as it must be."""

    heard: float = 0.0
    attempts: int = 0
    done: bool = False


@dataclass
class Model:
    """A transcript as it must be; `texts` are its segments, in order, by piece before it is edited."""

    state: State = State.ARRIVING
    deleted: bool = False
    version: int = 0
    pieces: list[PieceModel] = field(default_factory=list)
    texts: list[tuple[float, str]] = field(default_factory=list)
    edits: list[tuple[list[str], list[str]]] = field(default_factory=list)
    undone: list[tuple[list[str], list[str]]] = field(default_factory=list)
    edited: list[str] | None = None

    @property
    def lines(self) -> list[str]:
        """What its segments say, in order."""
        return [said for _, said in sorted(self.texts)] if self.edited is None else self.edited


@dataclass
class Worker:
    """Who recognises a piece; it may be late, and another may have it too."""

    known: Any
    order: Order
    since: float


class Operations(RuleBasedStateMachine):
    """What owners, workers and accidents do."""

    transcripts = Bundle("transcripts")

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = database.new_engine(settings)
        self.sessions = async_sessionmaker(self.pool, expire_on_commit=False)
        queue = jobs.new_app(settings)
        self.archive = Transcripts(self.sessions, storage_of(settings), queue)
        self.work = Work(self.sessions, queue)
        self.models: dict[Any, Model] = {}
        self.workers: list[Worker] = []
        self.said = 0
        self.execute("DELETE FROM transcripts")

    def run(self, doing: Awaitable[Given]) -> Given:
        """What the archive says."""

        async def now() -> Given:
            return await doing

        return self.runner.run(now())

    def execute(self, statement: str) -> None:
        """Something that is done to the database itself."""

        async def now() -> None:
            async with self.sessions.begin() as session:
                await session.execute(text(statement))

        self.run(now())

    def teardown(self) -> None:
        """Closes the connections."""
        self.run(self.pool.dispose())
        self.runner.close()

    def check(self, doing: Awaitable[Any], allowed: bool, known: Any) -> bool:
        """Does what an owner asks for: it must go where it is allowed, and be refused otherwise."""
        model = self.models.get(known)
        if model is None:
            with pytest.raises(Unknown):
                self.run(doing)
            return False
        if not allowed:
            with pytest.raises((Conflict, Unknown)):
                self.run(doing)
            return False
        self.run(doing)
        return True

    @precondition(lambda self: len(self.models) < MOST)
    @rule(target=transcripts, pieces=st.integers(0, 2))
    def begin(self, pieces: int) -> Any:
        """An upload begins; with pieces it has arrived and is cut into so many."""
        known = self.run(self.archive.begin(OWNER, 9, Wishes("talk.wav")))
        self.models[known] = Model()
        if pieces:
            self.arrive(known)
            self.cut_into(known, pieces)
        return known

    @rule(known=transcripts, what=st.sampled_from(OWNERS))
    def owner_does(self, known: Any, what: str) -> None:
        getattr(self, what)(known)

    @rule(what=st.sampled_from(["purge", "lose_jobs"]))
    def happens(self, what: str) -> None:
        getattr(self, what)()

    def arrive(self, known: Any) -> None:
        self.run(self.archive.arrived(known))
        model = self.models.get(known)
        if model is not None and model.state == State.ARRIVING:
            model.state = State.QUEUED

    @rule(known=transcripts, count=st.integers(0, 2))
    def cut(self, known: Any, count: int) -> None:
        self.cut_into(known, count)

    def cut_into(self, known: Any, count: int) -> None:
        model = self.models.get(known)
        wanted = model is not None and model.state in UNFINISHED and not model.deleted
        assert self.run(self.work.begin(known)) is wanted
        if model is None or not wanted:
            return
        # The same file is always cut the same way.
        count = len(model.pieces) or count
        spans = [(number * PIECE, (number + 1) * PIECE) for number in range(count)]
        self.run(self.work.cut(known, spans, "checksum"))
        model.pieces = model.pieces or [PieceModel() for _ in spans]
        model.state = State.WORKING if spans else State.DONE

    @precondition(lambda self: self.workable())
    @rule(which=st.integers(0, 5), number=st.integers(0, 1), twice=st.booleans())
    def take(self, which: int, number: int, twice: bool) -> None:
        """A worker takes a piece; another one takes it too, where the first is taken for dead."""
        found = self.workable()
        for _ in range(1 + twice):
            self.take_one(found[which % len(found)], number)

    def workable(self) -> list[Any]:
        """Transcripts that have pieces."""
        return [known for known, model in self.models.items() if model.pieces and model.state != State.DONE]

    def take_one(self, known: Any, number: int) -> None:
        order = self.run(self.work.order(known, number))
        model = self.models.get(known)
        if model is None or model.state not in UNFINISHED or model.deleted or number >= len(model.pieces):
            assert order is None
            return
        piece = model.pieces[number]
        if piece.done:
            assert order is None
            return
        if piece.attempts >= MOST_ATTEMPTS:
            assert order is None
            model.state = State.FAILED
            return
        piece.attempts += 1
        assert order is not None
        assert (order.start, order.heard) == (number * PIECE + piece.heard, piece.heard)
        self.workers.append(Worker(known, order, order.heard))

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 20), seconds=st.sampled_from([10.0, 30.0]), last=st.booleans())
    def write(self, which: int, seconds: float, last: bool) -> None:
        worker = self.workers[which % len(self.workers)]
        model = self.models.get(worker.known)
        until = PIECE if last else min(PIECE, worker.since + seconds)
        self.said += 1
        start = worker.since - worker.order.heard
        words = tuple(Word(f"{word}{self.said}", start + at, start + at + 1) for at, word in enumerate("ab"))
        found = Heard(worker.since, until, [spoken.Segment(start, start + 2, words)], "en")
        piece = model.pieces[worker.order.number] if model is not None else None
        wanted = model is not None and model.state in UNFINISHED and piece is not None and not piece.done
        written = wanted and piece is not None and piece.heard == worker.since
        there = wanted and piece is not None and (written or piece.heard == until)
        if model is not None and piece is not None:
            if written:
                at = worker.order.number * PIECE + worker.since
                model.texts.append((at, " ".join(word.text for word in words)))
                piece.heard = until
            if there and last:
                piece.done = True
        if last:
            finished = model is not None and there and all(each.done for each in model.pieces)
            assert self.run(self.work.done(worker.order, found)) is finished
            if finished and model is not None:
                model.state = State.DONE
        else:
            assert self.run(self.work.heard(worker.order, found)) is there
        if there:
            worker.since = until

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 20))
    def give_back(self, which: int) -> None:
        worker = self.workers[which % len(self.workers)]
        self.run(self.work.given_back(worker.order))
        if worker.known in self.models:
            piece = self.models[worker.known].pieces[worker.order.number]
            piece.attempts = max(0, piece.attempts - 1)

    def fail(self, known: Any) -> None:
        self.run(self.work.failed(known, "its sound is no sound"))
        model = self.models.get(known)
        if model is not None and model.state in UNFINISHED:
            model.state = State.FAILED

    def cancel(self, known: Any) -> None:
        model = self.models.get(known, Model())
        allowed = model.state in UNFINISHED and not model.deleted
        if self.check(self.archive.cancel(OWNER, known), allowed, known):
            model.state = State.CANCELLED

    def again(self, known: Any) -> None:
        model = self.models.get(known, Model())
        allowed = model.state in (State.FAILED, State.CANCELLED) and not model.deleted
        if self.check(self.archive.again(OWNER, known), allowed, known):
            model.state = State.QUEUED
            for piece in model.pieces:
                piece.attempts = 0

    def delete(self, known: Any) -> None:
        model = self.models.get(known, Model())
        if self.check(self.archive.delete(OWNER, known), not model.deleted, known):
            model.deleted = True
            if model.state in UNFINISHED:
                model.state = State.CANCELLED

    def restore(self, known: Any) -> None:
        if self.check(self.archive.restore(OWNER, known), True, known):
            self.models[known].deleted = False

    def purge(self) -> None:
        deleted = [known for known, model in self.models.items() if model.deleted]
        assert self.run(self.archive.purge(timedelta(seconds=-60))) == len(deleted)
        for known in deleted:
            del self.models[known]
            assert not self.archive.storage.of(known).exists()

    def lose_jobs(self) -> None:
        self.execute("DELETE FROM procrastinate_jobs")
        unfinished = [each for each in self.models.values() if each.state in UNFINISHED and not each.deleted]
        assert self.run(self.work.rescued()) == len(unfinished)
        assert self.run(self.work.rescued()) == 0

    @rule(
        known=transcripts, at=st.integers(0, 5), what=st.sampled_from(["text", "split", "merge", "speaker"])
    )
    def edit(self, known: Any, at: int, what: str) -> None:
        model = self.models.get(known)
        if model is None or not model.lines or model.deleted:
            return
        at %= len(model.lines)
        ids = self.run(self._ids(known))
        value: str | int = 1 if what == "split" else "a new text"
        before = model.lines
        words = before[at].split()
        changed: dict[str, Callable[[], list[str]]] = {
            "text": lambda: [*before[:at], "a new text", *before[at + 1 :]],
            "split": lambda: [*before[:at], words[0], " ".join(words[1:]), *before[at + 1 :]],
            "merge": lambda: [*before[:at], " ".join(before[at : at + 2]), *before[at + 2 :]],
            "speaker": lambda: before,
        }
        doing = edits.edit(self.sessions, known, model.version, ids[at], what, value)
        impossible = (what == "split" and len(words) < 2) or (what == "merge" and at + 1 == len(before))
        if model.state != State.DONE or impossible:
            with pytest.raises((Conflict, Refused)):
                self.run(doing)
            return
        model.version += 1
        assert self.run(doing) == model.version
        model.edited = changed[what]()
        model.edits.append((before, model.edited))
        model.undone = []

    @rule(known=transcripts, back=st.booleans())
    def undo(self, known: Any, back: bool) -> None:
        model = self.models.get(known)
        if model is None:
            return
        doing = (edits.undo if back else edits.redo)(self.sessions, known, model.version)
        source, sink = (model.edits, model.undone) if back else (model.undone, model.edits)
        if not source or model.state != State.DONE:
            with pytest.raises(Conflict):
                self.run(doing)
            return
        model.version += 1
        assert self.run(doing) == model.version
        sink.append(source.pop())
        model.edited = sink[-1][0 if back else 1]

    @rule(known=transcripts)
    def edit_an_old_version(self, known: Any) -> None:
        model = self.models.get(known)
        if model is not None and model.lines:
            (first, *_) = self.run(self._ids(known))
            with pytest.raises(Conflict):
                self.run(edits.edit(self.sessions, known, model.version - 1, first, "text", "too late"))

    async def _ids(self, known: Any) -> list[int]:
        return [each.id for each in await self.archive.segments(known)]

    @invariant()
    def they_agree(self) -> None:
        async def found() -> dict[Any, Any]:
            async with self.sessions() as session:
                rows = {each.id: each for each in await session.scalars(select(Transcript))}
                pieces = (await session.scalars(select(Piece).order_by(Piece.number))).all()
                segments = (await session.scalars(select(Segment).order_by(Segment.start, Segment.id))).all()
            return {
                known: (
                    row.state,
                    row.deleted_at is not None,
                    row.version,
                    [
                        (each.heard, each.attempts, each.done)
                        for each in pieces
                        if each.transcript_id == known
                    ],
                    [each.text for each in segments if each.transcript_id == known],
                )
                for known, row in rows.items()
            }

        assert self.run(found()) == {
            known: (
                model.state,
                model.deleted,
                model.version,
                [(each.heard, each.attempts, each.done) for each in model.pieces],
                model.lines,
            )
            for known, model in self.models.items()
        }


def test_the_archive_does_what_its_model_does(
    new_database: Settings, tmp_path: Any, request: pytest.FixtureRequest
) -> None:
    password = SecretStr(database.password(new_database))
    settings = new_database.model_copy(update={"data_dir": tmp_path, "db_password": password})
    asyncio.run(migrate.ready(new_database))
    many = THOROUGH if request.config.getoption("thorough") else EXAMPLES
    run_state_machine_as_test(
        lambda: Operations(settings),  # type: ignore[arg-type]
        settings=hypothesis.settings(max_examples=many, stateful_step_count=STEPS, deadline=None),
    )
