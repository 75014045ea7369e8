"""A backup that was taken while work went on is restored whole, or not at all (DEP-2, TRN-5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.archive import database
from app.settings import Settings
from tests.integration.archive.conftest import Archive, Owner, speech

TABLES = {"transcripts": "id", "pieces": "id", "segments": "id", "edits": "number"}


class Elsewhere:
    """An empty archive: a folder and a database of its own."""

    def __init__(self, archive: Archive, settings: Settings, folder: Path) -> None:
        self.archive = archive
        self.settings = settings.model_copy(update={"data_dir": folder})
        self.environment = {
            "DATA_DIR": str(folder), "DB_NAME": settings.db_name,
            "DB_PASSWORD": database.password(archive.settings),
        }  # fmt: skip

    def restore(self, backup: Path, *options: str) -> int:
        """Restores a backup into it; the exit status."""
        command = ("restore", "--stack", "no-such-stack", *options, str(backup))
        return self.archive.run(*command, **self.environment).wait(60)

    def rows(self, query: str) -> list[Any]:
        """What its database answers."""
        address = database.plain_address(self.archive.settings, self.settings.db_name)
        with psycopg.connect(address) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]


@pytest.fixture
def elsewhere(archive: Archive, new_database: Settings, tmp_path: Path) -> Elsewhere:
    """Where a backup is restored."""
    return Elsewhere(archive, new_database, tmp_path / "elsewhere")


def backed_up(archive: Archive, to: Path) -> Path:
    assert archive.run("backup", "--stack", "no-such-stack", str(to)).wait(60) == 0
    return to


def test_what_was_done_is_there_and_what_was_not_is_done_again(
    archive: Archive, owner: Owner, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    done = owner.done(owner.uploaded(speech()))
    first = done["segments"][0]["id"]
    edit = {"version": 0, "segment": first, "what": "text", "text": "Edited before the backup."}
    assert owner.post(done["id"], "edits", **edit).status_code == 200
    waiting = owner.uploaded(speech(8), "long.wav")
    archive.rows("UPDATE transcripts SET changed_at = now() WHERE id = %s RETURNING id", waiting)
    backup = backed_up(archive, tmp_path / "one.tar")
    assert backup.stat().st_mode & 0o077 == 0

    assert elsewhere.restore(backup) == 0
    texts = "SELECT text FROM segments WHERE transcript_id = '{}' ORDER BY start, id"
    now = [segment["text"] for segment in owner.get(done["id"])["segments"]]
    assert [text for (text,) in elsewhere.rows(texts.format(done["id"]))] == now
    assert now[0] == "Edited before the backup."
    kept = elsewhere.settings.data_dir / "archive" / done["id"] / "file"
    assert kept.read_bytes() == (archive.folder(done["id"]) / "file").read_bytes()
    # Its segments get new numbers after the old ones.
    assert elsewhere.rows("SELECT nextval('segments_id_seq') > max(id) FROM segments")[0][0]
    unfinished = elsewhere.rows("SELECT id FROM transcripts WHERE state IN ('queued', 'working')")
    queued = elsewhere.rows("SELECT args ->> 'transcript' FROM procrastinate_jobs WHERE task_name = 'cut'")
    assert {str(each) for (each,) in unfinished} == {each for (each,) in queued}
    owner.done(waiting)


def test_a_full_archive_is_left_alone_unless_it_is_forced(
    archive: Archive, owner: Owner, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    owner.done(owner.uploaded(speech()))
    backup = backed_up(archive, tmp_path / "two.tar")
    assert elsewhere.restore(backup) == 0
    counts = [elsewhere.rows(f"SELECT count(*) FROM {table}") for table in TABLES]
    elsewhere.rows("UPDATE transcripts SET title = 'Changed since' RETURNING id")
    assert elsewhere.restore(backup) == 1
    assert elsewhere.rows("SELECT DISTINCT title FROM transcripts") == [("Changed since",)]
    assert elsewhere.restore(backup, "--force") == 0
    assert ("Changed since",) not in elsewhere.rows("SELECT DISTINCT title FROM transcripts")
    assert [elsewhere.rows(f"SELECT count(*) FROM {table}") for table in TABLES] == counts


@pytest.mark.parametrize("damage", ["cut off", "changed", "none of ours"])
def test_of_a_damaged_backup_nothing_is_restored(
    archive: Archive, owner: Owner, elsewhere: Elsewhere, tmp_path: Path, damage: str
) -> None:
    owner.done(owner.uploaded(speech()))
    backup = backed_up(archive, tmp_path / "three.tar")
    content = bytearray(backup.read_bytes())
    if damage == "cut off":
        del content[len(content) // 2 :]
    elif damage == "changed":
        at = content.index(b"WAVEfmt ") + 5000
        content[at] ^= 1
    else:
        content = bytearray(b"a text that somebody took for a backup" * 100)
    backup.write_bytes(content)
    assert elsewhere.restore(backup) == 1
    assert elsewhere.rows("SELECT count(*) FROM transcripts") == [(0,)]
