"""`python -m app backup` and `restore`: of the containers of a stack where they run, else of this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from app.archive import backup
from app.archive.database import DatabaseProblem
from app.archive.encrypting import decrypted, encrypted, new_key
from app.native.containers import find
from app.settings import Settings

if TYPE_CHECKING:
    from app.archive.s3 import Bucket

FAILED = 1
S3 = "s3://"
PROGRAM = ("python", "-m", "app")
NOT_BY_ITSELF = ("--env", "BACKUP_RECIPIENT=")
"""The container writes it as it is: we encrypt it, by our own settings."""


class Failed(RuntimeError):
    """The command in a container has failed, and has said why."""


def make_backup(settings: Settings, to: str, stack: str) -> int:
    """Writes a backup, encrypted where there is a recipient; the exit status."""
    recipient = settings.backup_recipient
    name = to or time.strftime("voicestack-%Y-%m-%d-%H%M%S.tar") + (".age" if recipient else "")
    try:
        with sink(settings, name) as written, encrypted(written, recipient) as file:
            if container := of_stack(stack):
                give_out(container, file, NOT_BY_ITSELF if recipient else ())
            else:
                held = backup.backup(settings, file, progress)
                told = f"{held.transcripts} transcripts, {held.files} files, {held.bytes / 1e6:.1f} MB"
                print(f"\r{told}", file=sys.stderr)
    except (backup.BackupProblem, OSError) as error:
        print(f"No backup was made: {error}", file=sys.stderr)
        return FAILED
    except Failed:
        return FAILED
    if name != "-":
        print(f"Written: {name}", file=sys.stderr)
    return 0


def restore_backup(
    settings: Settings, name: str, stack: str, *, force: bool, identity: Path | None = None
) -> int:
    """Restores a backup, which `identity` has the key of where it is encrypted; the exit status."""
    try:
        with source(settings, name) as written, decrypted(written, identity) as file:
            if container := of_stack(stack):
                take_in(container, file, ["--force"] if force else [])
                return 0
            held = asyncio.run(backup.restore(settings, file, force, progress))
    except (backup.BackupProblem, DatabaseProblem, OSError) as error:
        print(f"Nothing was restored: {error}", file=sys.stderr)
        return FAILED
    except Failed:
        return FAILED
    print(f"\rRestored: {held.transcripts} transcripts, {held.files} files", file=sys.stderr)
    return 0


def of_stack(stack: str) -> str:
    """The container of api in that stack; empty where none runs."""
    return next(
        (
            each.name
            for each in find()
            if each.stack == stack and each.service == "api" and each.state == "running"
        ),
        "",
    )


def give_out(container: str, file: IO[bytes], options: tuple[str, ...]) -> None:
    """Has a container write its backup into a file. Raises Failed."""
    command = ["docker", "exec", "--interactive", *options, container, *PROGRAM, "backup", "-"]
    if subprocess.run(command, check=False, stdout=file).returncode != 0:
        raise Failed


def take_in(container: str, file: IO[bytes], options: list[str]) -> None:
    """Has a container restore what a file holds. Raises Failed, BackupProblem."""
    command = ["docker", "exec", "--interactive", container, *PROGRAM, "restore", "-", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        with suppress(BrokenPipeError), running.stdin as into:
            shutil.copyfileobj(file, into)
    if running.returncode != 0:
        raise Failed


def make_key(path: Path) -> int:
    """Makes a key that decrypts backups, and says what it is used for; the exit status."""
    try:
        recipient = new_key(path)
    except OSError as error:
        print(f"No key was made: {error}", file=sys.stderr)
        return FAILED
    print(
        f"Written: {path}. Keep it away from this machine; without it no backup can be read.", file=sys.stderr
    )
    print(f"BACKUP_RECIPIENT={recipient}")
    return 0


def decrypt_backup(settings: Settings, name: str, identity: Path) -> int:
    """Writes an encrypted backup to standard output as it was; the exit status."""
    try:
        with source(settings, name) as written, decrypted(written, identity) as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    except (backup.BackupProblem, OSError) as error:
        print(f"Not decrypted: {error}", file=sys.stderr)
        return FAILED
    return 0


@contextmanager
def sink(settings: Settings, name: str) -> Iterator[IO[bytes]]:
    """Where a backup goes; a file is named so once it is whole. Raises OSError."""
    if name == "-":
        yield sys.stdout.buffer
        return
    if name.startswith(S3):
        with spare(settings) as (file, bucket):
            yield file
            file.seek(0)
            bucket.write(name, file)
        return
    if Path(name).exists():
        raise FileExistsError(f"{name} is there already")
    part = Path(f"{name}.part")
    try:
        # Only its owner may read what was said.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
        part.replace(name)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def source(settings: Settings, name: str) -> Iterator[IO[bytes]]:
    """Where a backup comes from. Raises OSError."""
    if name == "-":
        yield sys.stdin.buffer
    elif name.startswith(S3):
        with spare(settings) as (file, bucket):
            bucket.read(name, file)
            file.seek(0)
            yield file
    else:
        with Path(name).open("rb") as file:
            yield file


@contextmanager
def spare(settings: Settings) -> Iterator[tuple[IO[bytes], Bucket]]:
    """A file without a name for what goes to S3 or comes from there, and who asks S3."""
    from app.archive.s3 import Bucket

    bucket = Bucket(settings)
    with tempfile.TemporaryFile(dir=bucket.made_folder()) as file:
        yield file, bucket


def progress(what: str) -> None:
    """Tells a person how far it is."""
    if sys.stderr.isatty():
        print(f"\r{what}   ", end="", file=sys.stderr, flush=True)
