"""`python -m app backup` and `restore`: of the containers of a stack where they run, else of this machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from app.archive import backup
from app.archive.database import DatabaseProblem
from app.native.containers import find
from app.settings import Settings

if TYPE_CHECKING:
    from app.archive.s3 import Bucket

FAILED = 1
S3 = "s3://"


class Failed(RuntimeError):
    """The command in a container has failed, and has said why."""


def make_backup(settings: Settings, to: str, stack: str) -> int:
    """Writes a backup; the exit status."""
    name = to or time.strftime("voicestack-%Y-%m-%d-%H%M%S.tar")
    try:
        with sink(settings, name) as file:
            if container := of_stack(stack):
                inside(container, ["backup", "-"], stdout=file)
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


def restore_backup(settings: Settings, name: str, stack: str, *, force: bool) -> int:
    """Restores a backup; the exit status."""
    try:
        with source(settings, name) as file:
            if container := of_stack(stack):
                inside(container, ["restore", "-", *(["--force"] if force else [])], stdin=file)
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


def inside(container: str, arguments: list[str], **streams: IO[bytes]) -> None:
    """Runs the same command in a container. Raises Failed."""
    command = ["docker", "exec", "--interactive", container, "python", "-m", "app", *arguments]
    if subprocess.run(command, check=False, **streams).returncode != 0:  # type: ignore[call-overload]
        raise Failed


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
