"""Backup and restore: one tar of everything that a restore needs, written while the archive is in use.

It holds the tables as PostgreSQL's COPY writes them, all of one moment, then the uploaded files, and last the
checksums of all of it. It does not depend on PostgreSQL's version. Jobs are not in it: what is unfinished is
worked off again.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

from app import __version__
from app.archive import database, jobs, migrate
from app.archive.storage import FILE, PEAKS, storage_of
from app.settings import Settings

TABLES = ("transcripts", "pieces", "segments", "edits", "cleanups", "voices")
"""In an order in which each refers to earlier ones alone."""
NUMBERED = ("pieces", "segments")
ABOUT, SUMS = "about.json", "SHA256SUMS"
FORMAT = 1
SPOOLED = 64 << 20
CHUNK = 1 << 20
STOPPED = "UPDATE transcripts SET state = 'queued' WHERE state = 'working'"
UNFINISHED = "SELECT id FROM transcripts WHERE state = 'queued' AND deleted_at IS NULL"
NOT_CLEANED = """UPDATE cleanups SET state = 'failed', problem = 'the archive was restored meanwhile'
    WHERE state IN ('queued', 'working')"""
NOT_ARRIVED = "DELETE FROM transcripts WHERE state = 'arriving'"

Told = Callable[[str], None]


class BackupProblem(RuntimeError):
    """The backup can't be made or restored. The message says why, and what to do."""


@dataclass(frozen=True)
class Held:
    """What a backup holds."""

    transcripts: int
    files: int
    bytes: int


class Sums(io.RawIOBase):
    """A file that is read through, and its checksum."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Reads on."""
        content = self._file.read(size)
        self.digest.update(content)
        return content


def columns(connection: psycopg.Connection, table: str) -> list[str]:
    """The columns that a table is filled by: all that are not generated."""
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        " AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
        [table],
    )
    return [row[0] for row in rows]


def connect(settings: Settings) -> psycopg.Connection:
    """A connection. Raises BackupProblem where the database doesn't answer."""
    try:
        return psycopg.connect(database.plain_address(settings), connect_timeout=database.CONNECT_WITHIN)
    except psycopg.OperationalError as error:
        where = f"{settings.db_host}:{settings.db_port}"
        raise BackupProblem(
            f"the database at {where} does not answer ({str(error).strip()}): start it first, for example "
            "with `make run`"
        ) from None


def backup(settings: Settings, out: IO[bytes], tell: Told, *, files: bool = True) -> Held:
    """Writes a backup; without `files` of the tables alone. Raises BackupProblem."""
    storage, sums = storage_of(settings), {}
    with connect(settings) as connection, tarfile.open(fileobj=out, mode="w|") as archive:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        revision = one(connection, "SELECT version_num FROM alembic_version")
        known = connection.execute(
            "SELECT id FROM transcripts WHERE state <> 'arriving' ORDER BY made_at"
        ).fetchall()
        about = {"format": FORMAT, "version": __version__, "revision": revision, "made": time.time()}
        sums[ABOUT] = add(archive, ABOUT, json.dumps(about).encode())
        for table in TABLES:
            named = columns(connection, table)
            names = sql.SQL(", ").join(map(sql.Identifier, named))
            query = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table), names)
            with tempfile.SpooledTemporaryFile(SPOOLED) as rows:
                with connection.cursor() as cursor, cursor.copy(query) as copy:
                    for part in copy:
                        rows.write(part)
                heading = ",".join(named) + "\n"
                sums[f"{table}.copy"] = add_file(archive, f"{table}.copy", rows, heading.encode())
        count = size = 0
        for number, (transcript,) in enumerate(known if files else [], 1):
            tell(f"file {number} of {len(known)}")
            with suppress(FileNotFoundError):
                member = f"files/{transcript}/{FILE}"
                with storage.opened(transcript) as file:
                    sums[member] = add_file(archive, member, file)
                    count, size = count + 1, size + file.tell()
            with suppress(FileNotFoundError):
                member, peaks = f"files/{transcript}/{PEAKS}", storage.get(transcript, PEAKS)
                sums[member] = add(archive, member, peaks)
                count, size = count + 1, size + len(peaks)
        lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        add(archive, SUMS, lines.encode())
    return Held(len(known), count, size)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> str:
    """Adds a small member; its checksum."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
    return hashlib.sha256(content).hexdigest()


def add_file(archive: tarfile.TarFile, name: str, file: IO[bytes], heading: bytes = b"") -> str:
    """Adds a file after a heading; the checksum of both."""
    member = tarfile.TarInfo(name)
    member.size = file.seek(0, io.SEEK_END) + len(heading)
    file.seek(0)
    joined = Sums(Joined(heading, file))  # type: ignore[arg-type]
    archive.addfile(member, joined)
    return joined.digest.hexdigest()


class Joined:
    """Some bytes, then a file."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self._first, self._rest = io.BytesIO(first), rest

    def read(self, size: int = -1) -> bytes:
        """Reads on."""
        begun = self._first.read(size)
        return begun + self._rest.read(size - len(begun) if size >= 0 else -1)


async def restore(settings: Settings, file: IO[bytes], force: bool, tell: Told) -> Held:
    """Restores a backup into an empty archive; with `force` into any, whose content is lost.

    Everything is checked before a row is there. Raises BackupProblem, DatabaseProblem.
    """
    await migrate.ready(settings)
    storage = storage_of(settings)
    with tempfile.TemporaryDirectory(prefix="restore-", dir=storage.made_folder()) as folder:
        held = unpacked(file, Path(folder), tell)
        with connect(settings) as connection:
            if one(connection, "SELECT count(*) FROM transcripts") and not force:
                raise BackupProblem(
                    "there are transcripts here already: restore into an empty archive, or with --force, by "
                    "which all that is here now is lost"
                )
            check_revision(Path(folder))
            before = {row[0] for row in connection.execute("SELECT id FROM transcripts")}
            connection.execute("DELETE FROM transcripts")
            connection.execute("DELETE FROM voices")
            for table in TABLES:
                fill(connection, table, Path(folder) / f"{table}.copy")
            connection.execute(NOT_ARRIVED)
            connection.execute(STOPPED)
            connection.execute(NOT_CLEANED)
            after = {row[0] for row in connection.execute("SELECT id FROM transcripts")}
            now = {UUID(path.name): path for path in (Path(folder) / "files").glob("*")}
            for transcript, path in now.items():
                storage.take(transcript, path)
        # Only now are the rows that they belonged to gone.
        for transcript in before - after:
            storage.drop(transcript)
        await queue_unfinished(settings)
    return held


def unpacked(file: IO[bytes], folder: Path, tell: Told) -> Held:
    """Unpacks a backup into a folder and checks every checksum. Raises BackupProblem."""
    found: dict[str, str] = {}
    sums: dict[str, str] | None = None
    size = 0
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                source = archive.extractfile(member)
                if source is None or not allowed(member.name):
                    raise BackupProblem(f"this is no backup of ours: {member.name!r} is in it")
                if member.name == SUMS:
                    lines = source.read().decode().splitlines()
                    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
                    continue
                tell(f"{len(found) + 1} parts")
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                reading = Sums(source)
                with target.open("wb") as kept:
                    while chunk := reading.read(CHUNK):
                        kept.write(chunk)
                found[member.name] = reading.digest.hexdigest()
                size += member.size
    except tarfile.TarError as error:
        raise BackupProblem(f"the backup can't be read: {error}") from None
    if sums is None:
        raise BackupProblem("the backup is cut off: its end is missing")
    if sums != found:
        wrong = sorted(name for name in {*sums, *found} if sums.get(name) != found.get(name))
        raise BackupProblem(f"the backup is damaged: {', '.join(wrong[:5])}")
    transcripts = (folder / "transcripts.copy").read_bytes().count(b"\n") - 1
    return Held(transcripts, sum(name.startswith("files/") for name in found), size)


def allowed(name: str) -> bool:
    """Whether a backup of ours has a member of that name."""
    parts = name.split("/")
    if len(parts) == 3 and parts[0] == "files" and parts[2] in (FILE, PEAKS):
        try:
            return str(UUID(parts[1])) == parts[1]
        except ValueError:
            return False
    return name in (ABOUT, SUMS, *(f"{table}.copy" for table in TABLES))


def check_revision(folder: Path) -> None:
    """Raises BackupProblem where the backup is of a newer version, or of an older one with other tables."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    if about["format"] != FORMAT or about["revision"] not in migrate.revisions():
        raise BackupProblem(f"the backup is of a newer version: restore it with {about['version']}")


def fill(connection: psycopg.Connection, table: str, path: Path) -> None:
    """Fills a table, and lets its numbers go on after the highest."""
    if not path.exists():
        # The backup is older than the table.
        return
    with path.open("rb") as rows:
        names = sql.SQL(", ").join(
            sql.Identifier(name) for name in rows.readline().decode().strip().split(",")
        )
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            for chunk in chunks(rows):
                copy.write(chunk)
    if table in NUMBERED:
        sequence = one(connection, "SELECT pg_get_serial_sequence(%s, 'id')", table)
        highest = sql.SQL("SELECT setval(%s, coalesce(max(id), 0) + 1, false) FROM {}")
        connection.execute(highest.format(sql.Identifier(table)), [sequence])


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """What is left of a file, a part at a time."""
    while chunk := file.read(CHUNK):
        yield chunk


def one(connection: psycopg.Connection, query: str, *values: str) -> object:
    """The only value of a query."""
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None


async def queue_unfinished(settings: Settings) -> None:
    """Has everything that is unfinished cut again: its pieces were not in the backup."""
    pool, queue = database.new_engine(settings), jobs.new_app(settings)
    try:
        async with async_sessionmaker(pool).begin() as session:
            for transcript in (await session.scalars(text(UNFINISHED))).all():
                await jobs.cut(queue, session, transcript)
    finally:
        await pool.dispose()
