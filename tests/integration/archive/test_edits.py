"""Edits against the real database: whatever is done in whatever order, undo gives back what was. (TRN-3)"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import async_sessionmaker

from app.archive import database, edits, jobs, migrate
from app.archive.editing import Line, Refused
from app.archive.rows import row
from app.archive.storage import storage_of
from app.archive.tables import Transcript
from app.archive.transcripts import Conflict, Transcripts
from app.settings import Settings
from app.speech.types import Word
from tests.integration.archive.conftest import Owner, speech

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["text", "split", "merge", "speaker", "undo", "undo", "redo"]), st.integers(0, 20)
    ),
    max_size=14,
)


def test_an_edit_of_an_old_version_is_refused_and_nothing_is_lost(owner: Owner) -> None:
    known = owner.uploaded(speech())
    found = owner.done(known)
    first = found["segments"][0]["id"]
    wish = {"segment": first, "what": "text", "text": "Another beginning of the schools."}
    edited = owner.post(known, "edits", version=0, **wish)
    assert edited.status_code == 200, edited.text
    assert edited.json()["version"] == 1
    assert owner.post(known, "edits", version=0, **wish).status_code == 409
    assert owner.post(known, "undo", version=0).status_code == 409
    assert owner.post(known, "edits", version=1, segment=first, what="split", word=99).status_code == 422
    assert owner.post(known, "edits", version=1, segment=2**62, what="merge").status_code == 422
    assert owner.post(known, "redo", version=1).status_code == 409
    assert "Another" in owner.http.get("/search", params={"words": "another beginning"}).text
    back = owner.post(known, "undo", version=1).json()
    assert back["segments"] == found["segments"]
    assert owner.post(known, "redo", version=2).json()["segments"] == edited.json()["segments"]
    assert [each["what"] for each in owner.http.get(f"/transcripts/{known}/edits").json()] == ["text"]


def content(segments: Sequence[Any]) -> list[Any]:
    return [(each.id, each.start, each.end, each.speaker, each.text, each.words) for each in segments]


async def play(settings: Settings, scripts: list[list[tuple[str, int]]]) -> None:
    """Does each script with a transcript of its own, beside a model: a list of what was, and where we are."""
    pool = database.new_engine(settings)
    sessions = async_sessionmaker(pool, expire_on_commit=False)
    transcripts = Transcripts(sessions, storage_of(settings), jobs.new_app(settings))
    try:
        for script in scripts:
            known = uuid.uuid4()
            async with sessions.begin() as session:
                session.add(
                    Transcript(id=known, owner="o", name="n", title="t", size=1, state="done", language="en")
                )
                await session.flush()
                for at in range(3):
                    words = [Word(f"w{at}{n}", at * 3 + n * 0.7, at * 3 + n * 0.7 + 0.5) for n in range(4)]
                    session.add(row(known, "en", Line(at * 3.0, at * 3 + 2.9, "", tuple(words))))
            states = [content(await transcripts.segments(known))]
            here = version = 0
            for what, value in script:
                segment = states[here][value % len(states[here])][0]
                try:
                    if what in ("undo", "redo"):
                        version = await getattr(edits, what)(sessions, known, version)
                        here += 1 if what == "redo" else -1
                        assert 0 <= here < len(states), "there was nothing to take back or do again"
                    else:
                        wish: Any = {
                            "text": f"w{value} new w01",
                            "split": value % 5,
                            "speaker": f"S{value}",
                        }.get(what, "")
                        version = await edits.edit(sessions, known, version, segment, what, wish)
                        here += 1
                        states = [*states[:here], content(await transcripts.segments(known))]
                except Conflict:
                    assert (what, here) in (("undo", 0), ("redo", len(states) - 1))
                except Refused:
                    assert what in ("split", "merge")
                now = content(await transcripts.segments(known))
                assert now == states[here]
                assert all(one[2] <= other[1] for one, other in pairwise(now))
                assert all(one[1] <= word[1] <= word[2] <= one[2] for one in now for word in one[5])
    finally:
        await pool.dispose()


@examples(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=3))
def test_database_and_model_agree_after_any_edits_undone_and_done_again(
    new_database: Settings, scripts: list[list[tuple[str, int]]]
) -> None:
    async def whole() -> None:
        await migrate.ready(new_database)
        await play(new_database, scripts)

    asyncio.run(whole())


def test_two_edits_at_once_are_one_edit_and_one_conflict(new_database: Settings) -> None:
    async def whole() -> None:
        await migrate.ready(new_database)
        pool = database.new_engine(new_database)
        sessions = async_sessionmaker(pool, expire_on_commit=False)
        known = uuid.uuid4()
        async with sessions.begin() as session:
            session.add(Transcript(id=known, owner="o", name="n", title="t", size=1, state="done"))
            await session.flush()
            segment = row(known, "", Line(0.0, 1.0, "", (Word("a", 0.0, 1.0),)))
            session.add(segment)
        both = [edits.edit(sessions, known, 0, segment.id, "text", each) for each in ("one", "two")]
        told = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(each).__name__ for each in told) == ["Conflict", "int"]
        await pool.dispose()

    asyncio.run(whole())


@pytest.mark.parametrize(
    "bad", [{"title": "a\x00"}, {"title": ""}, {"tags": ["\x00"]}, {"speakers": {"\x00": "x"}}]
)
def test_what_the_database_has_no_place_for_is_refused(owner: Owner, bad: dict[str, Any]) -> None:
    upload = owner.begun(10)
    assert owner.http.patch(f"/transcripts/{upload}", json=bad).status_code == 422
    raw = b'{"title": "\\ud800"}'
    answer = owner.http.patch(
        f"/transcripts/{upload}", content=raw, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
