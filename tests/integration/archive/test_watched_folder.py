"""Files in the watched folder become transcripts, once each (TRN-7)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import async_sessionmaker

from app.api.owners import owner_of
from app.api.watched import Sight, Watched, sights
from app.archive import database, jobs
from app.archive.storage import storage_of
from app.archive.transcripts import Transcripts
from tests.integration.archive.conftest import KEYS, Archive, Owner, speech, text_of


def take(archive: Archive, folder: Path, *found: Sight) -> None:
    """Takes those files, or all that lie there, as api does."""

    async def taking() -> None:
        pool, queue = database.new_engine(archive.settings), jobs.new_app(archive.settings)
        sessions = async_sessionmaker(pool, expire_on_commit=False)
        watched = Watched(
            folder, Transcripts(sessions, storage_of(archive.settings), queue), owner_of(KEYS[0])
        )
        try:
            for sight in found or tuple(sights(folder)):
                await watched.take(sight)
        finally:
            await pool.dispose()

    asyncio.run(taking())


def test_a_file_becomes_text_and_is_put_away(archive: Archive, owner: Owner, tmp_path: Path) -> None:
    (tmp_path / "Monday's talk.wav").write_bytes(speech())
    (sight,) = sights(tmp_path)
    take(archive, tmp_path)
    found = owner.done(str(sight.id))
    assert found["title"] == "Monday's talk"
    assert "schools" in text_of(found)
    assert [each.name for each in (tmp_path / "taken").iterdir()] == ["Monday's talk.wav"]
    assert list(sights(tmp_path)) == []


def test_a_restart_before_it_was_put_away_takes_it_once(
    archive: Archive, owner: Owner, tmp_path: Path
) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(speech())
    (sight,) = sights(tmp_path)
    take(archive, tmp_path)
    (tmp_path / "taken" / "talk.wav").rename(file)
    take(archive, tmp_path, sight)
    owner.done(str(sight.id))
    rows = archive.rows("SELECT count(*) AS n FROM transcripts WHERE id = %s", sight.id)
    assert rows[0]["n"] == 1


def test_what_is_no_sound_is_refused_and_leaves_nothing(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "notes.mp3").write_bytes(b"notes of a meeting" * 100)
    before = archive.folders()
    take(archive, tmp_path)
    assert [each.name for each in (tmp_path / "refused").iterdir()] == ["notes.mp3"]
    assert archive.folders() == before
