"""`python -m app backup` and `restore`: of the containers of a stack where they run, else of this machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

from app.archive import backup
from app.archive.database import DatabaseProblem
from app.native.containers import find
from app.settings import Settings

FAILED = 1


def make_backup(settings: Settings, to: str, stack: str) -> int:
    """Writes a backup; the exit status."""
    name = to or time.strftime("voicestack-%Y-%m-%d-%H%M%S.tar")
    try:
        with sink(name) as file:
            if container := of_stack(stack):
                status = inside(container, ["backup", "-"], stdout=file)
            else:
                held = backup.backup(settings, file, progress)
                status = 0
                told = f"{held.transcripts} transcripts, {held.files} files, {held.bytes / 1e6:.1f} MB"
                print(f"\r{told}", file=sys.stderr)
    except (backup.BackupProblem, OSError) as error:
        print(f"No backup was made: {error}", file=sys.stderr)
        status = FAILED
    if status and name != "-":
        Path(f"{name}.part").unlink(missing_ok=True)
    elif name != "-":
        Path(f"{name}.part").replace(name)
        print(f"Written: {name}", file=sys.stderr)
    return status


def restore_backup(settings: Settings, name: str, stack: str, *, force: bool) -> int:
    """Restores a backup; the exit status."""
    try:
        with source(name) as file:
            if container := of_stack(stack):
                return inside(container, ["restore", "-", *(["--force"] if force else [])], stdin=file)
            held = asyncio.run(backup.restore(settings, file, force, progress))
    except (backup.BackupProblem, DatabaseProblem, OSError) as error:
        print(f"Nothing was restored: {error}", file=sys.stderr)
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


def inside(container: str, arguments: list[str], **streams: IO[bytes]) -> int:
    """Runs the same command in a container."""
    command = ["docker", "exec", "--interactive", container, "python", "-m", "app", *arguments]
    return subprocess.run(command, check=False, **streams).returncode  # type: ignore[call-overload, no-any-return]


def sink(name: str) -> AbstractContextManager[IO[bytes]]:
    """Where a backup goes; a file is named so once it is whole. Raises OSError."""
    if name == "-":
        return nullcontext(sys.stdout.buffer)
    if Path(name).exists():
        raise FileExistsError(f"{name} is there already")
    # Only its owner may read what was said.
    return os.fdopen(os.open(f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def source(name: str) -> AbstractContextManager[IO[bytes]]:
    """Where a backup comes from. Raises OSError."""
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def progress(what: str) -> None:
    """Tells a person how far it is."""
    if sys.stderr.isatty():
        print(f"\r{what}   ", end="", file=sys.stderr, flush=True)
