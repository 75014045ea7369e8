"""Backups are encrypted for a recipient, and come back by its key alone (DEP-2)."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pyrage import x25519

from app.archive.backup import BackupProblem
from app.archive.encrypting import decrypted, encrypted, keys_of, new_key
from app.settings import SettingsError, load

SAID = b"what was said in confidence" * 20_000
MB = 1 << 20


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A file with a key."""
    new_key(tmp_path / "key.txt")
    return tmp_path / "key.txt"


def recipient(key: Path) -> str:
    """Whom it belongs to."""
    return str(keys_of(key)[0].to_public())


def written(content: bytes, recipient: str) -> bytes:
    """What becomes of a content."""
    out = io.BytesIO()
    with encrypted(out, recipient) as file:
        file.write(content)
    return out.getvalue()


def read(content: bytes, key: Path | None) -> bytes:
    """What it was."""
    out = io.BytesIO()
    with decrypted(io.BytesIO(content), key) as file:
        shutil.copyfileobj(file, out)
    return out.getvalue()


def test_only_the_key_brings_it_back(key: Path, tmp_path: Path) -> None:
    secret = written(SAID, recipient(key))
    assert b"confidence" not in secret
    assert read(secret, key) == SAID
    new_key(tmp_path / "another.txt")
    with pytest.raises(BackupProblem, match=r"for another key than .*another\.txt"):
        read(secret, tmp_path / "another.txt")
    with pytest.raises(
        BackupProblem, match="the backup is encrypted: name the file with its key, --identity"
    ):
        read(secret, None)
    with pytest.raises(FileNotFoundError):
        read(secret, tmp_path / "none.txt")


@pytest.mark.parametrize("size", [0, 1, 100, 65_536, 200_001])
def test_every_size_comes_back(key: Path, size: int) -> None:
    content = os.urandom(size)
    assert read(written(content, recipient(key)), key) == content


def test_without_a_recipient_nothing_is_changed_and_no_key_is_asked_for(key: Path) -> None:
    assert written(SAID, "") == SAID
    for short in (b"", b"age", SAID):
        assert read(short, None) == read(short, key) == short


@pytest.mark.parametrize("place", [150, 60_000, 200_000])
def test_of_what_is_cut_off_or_changed_the_damage_is_told(key: Path, place: int) -> None:
    secret = written(SAID, recipient(key))
    changed = bytearray(secret)
    changed[place] ^= 1
    for wrong in (secret[:30], secret[:place], bytes(changed)):
        with pytest.raises(BackupProblem, match="damaged or cut off"):
            read(wrong, key)


def test_who_reads_no_further_keeps_nobody_waiting(key: Path) -> None:
    with decrypted(io.BytesIO(written(SAID, recipient(key))), key) as file:
        assert file.read(100) == SAID[:100]


def test_a_full_disk_is_told() -> None:
    to = str(x25519.Identity.generate().to_public())

    def fill() -> None:
        with Path("/dev/full").open("wb", buffering=0) as full, encrypted(full, to) as file:
            for _ in range(100):
                file.write(SAID)

    with pytest.raises(BackupProblem, match=r"could not be encrypted: .*No space left"):
        fill()


def test_what_fails_on_the_way_is_told_as_it_is() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        encrypted(io.BytesIO(), str(x25519.Identity.generate().to_public())),
    ):
        raise ZeroDivisionError


def test_hundreds_of_megabytes_take_no_memory(key: Path, tmp_path: Path) -> None:
    before, most = psutil.Process().memory_info().rss, 0
    with (tmp_path / "secret").open("wb") as out, encrypted(out, recipient(key)) as file:
        for _ in range(300):
            file.write(bytes(MB))
            most = max(most, psutil.Process().memory_info().rss)
    size = 0
    with (tmp_path / "secret").open("rb") as secret, decrypted(secret, key) as file:
        while part := file.read(MB):
            size += len(part)
            most = max(most, psutil.Process().memory_info().rss)
    assert size == 300 * MB
    assert most - before < 60 * MB


def test_a_key_is_its_owners_alone_and_no_other_is_written_over_it(key: Path) -> None:
    assert key.stat().st_mode & 0o077 == 0
    before = key.read_text()
    with pytest.raises(FileExistsError):
        new_key(key)
    assert key.read_text() == before


def test_the_command_prints_what_goes_into_the_settings_and_not_the_key(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "archive", "key", str(tmp_path / "key.txt")]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert made.stdout == f"BACKUP_RECIPIENT={recipient(tmp_path / 'key.txt')}\n"
    assert "SECRET" not in made.stdout + made.stderr
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "No key was made" in again.stderr


@pytest.mark.parametrize(
    "content", [b"", b"# a comment\n", b"AGE-SECRET-KEY-1QQQ\n", b"a word\n", b"\xff\xfe"]
)
def test_a_file_that_holds_no_key_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.txt").write_bytes(content)
    with pytest.raises(BackupProblem, match=r"key\.txt is no file of age keys") as told:
        keys_of(tmp_path / "key.txt")
    assert "QQQ" not in str(told.value)


def test_a_recipient_that_is_none_is_told_at_the_start(key: Path) -> None:
    assert load({"BACKUP_RECIPIENT": recipient(key)}).backup_recipient == recipient(key)
    right = recipient(key)
    another = "q" if right[20] != "q" else "p"
    for wrong in ("somebody", right[:20], right[:20] + another + right[21:]):
        with pytest.raises(SettingsError, match=r"BACKUP_RECIPIENT: '.*' is no age recipient"):
            load({"BACKUP_RECIPIENT": wrong})


def test_a_secret_key_in_its_place_is_told_and_not_shown(key: Path) -> None:
    with pytest.raises(SettingsError, match="BACKUP_RECIPIENT: this is the secret key") as told:
        load({"BACKUP_RECIPIENT": str(keys_of(key)[0])})
    assert str(keys_of(key)[0])[20:] not in str(told.value)
