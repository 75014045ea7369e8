"""A backup that was taken while work went on is restored whole, or not at all (DEP-2, TRN-5)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.archive import database
from app.archive.encrypting import new_key
from app.settings import Settings
from tests.integration.archive.conftest import Archive, Owner, speech
from tests.stack import ROOT

TABLES = {"transcripts": "id", "pieces": "id", "segments": "id", "edits": "number", "voices": "id"}


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
            return connection.execute(query).fetchall()


@pytest.fixture
def elsewhere(archive: Archive, new_database: Settings, tmp_path: Path) -> Elsewhere:
    """Where a backup is restored."""
    return Elsewhere(archive, new_database, tmp_path / "elsewhere")


def backed_up(archive: Archive, to: Path, **extra: str) -> Path:
    assert archive.run("backup", "--stack", "no-such-stack", str(to), **extra).wait(60) == 0
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


@pytest.mark.thorough
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


def test_an_encrypted_one_needs_its_key_and_shows_nothing(
    archive: Archive, owner: Owner, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    done = owner.done(owner.uploaded(speech(), title="In confidence"))
    key, another = tmp_path / "key.txt", tmp_path / "another.txt"
    new_key(another)
    backup = backed_up(archive, tmp_path / "four.tar.age", BACKUP_RECIPIENT=new_key(key))
    content = backup.read_bytes()
    assert not [each for each in (b"In confidence", b"WAVEfmt", b"transcripts.copy") if each in content]
    for options in ((), ("--identity", str(another)), ("--identity", str(tmp_path / "none.txt"))):
        assert elsewhere.restore(backup, *options) == 1
    backup.write_bytes(content[: len(content) // 2])
    assert elsewhere.restore(backup, "--identity", str(key)) == 1
    assert elsewhere.rows("SELECT count(*) FROM transcripts") == [(0,)]
    backup.write_bytes(content)
    assert elsewhere.restore(backup, "--identity", str(key)) == 0
    titles = f"SELECT title FROM transcripts WHERE id = '{done['id']}'"
    assert elsewhere.rows(titles) == [("In confidence",)]
    kept = elsewhere.settings.data_dir / "archive" / done["id"] / "file"
    assert kept.read_bytes() == speech()
    said = archive.log.read_text(errors="replace")
    for told in ("name the file with its key, --identity", "for another key than", "damaged or cut off"):
        assert told in said
    assert "SECRET-KEY" not in said


def test_an_encrypted_one_is_decrypted_where_the_key_is_and_restored_where_it_is_not(
    archive: Archive, owner: Owner, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    owner.done(owner.uploaded(speech()))
    key = tmp_path / "key.txt"
    backup = backed_up(archive, tmp_path / "five.tar.age", BACKUP_RECIPIENT=new_key(key))
    decrypt = archive.command("archive", "decrypt", str(backup), "--identity", str(key))
    restore = archive.command("restore", "--stack", "no-such-stack", "-")
    environment = archive.environment | elsewhere.environment
    with subprocess.Popen(decrypt, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as plain:
        subprocess.run(restore, stdin=plain.stdout, cwd=ROOT, env=environment, check=True, timeout=60)
    ours = archive.rows("SELECT count(*) FROM transcripts WHERE state <> 'arriving'")[0]["count"]
    assert elsewhere.rows("SELECT count(*) FROM transcripts") == [(ours,)]


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
