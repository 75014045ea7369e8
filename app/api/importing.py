"""`python -m app archive import`: brings along what an older service wrote into a SQLite file."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy.ext.asyncio import async_sessionmaker

from app.api.old_file import Old, OldFileProblem, read
from app.api.owners import first_owner
from app.api.uploads import check_sound, keep
from app.archive import backup, database, jobs, migrate
from app.archive.database import DatabaseProblem
from app.archive.rows import row
from app.archive.storage import storage_of
from app.archive.tables import State, Transcript
from app.archive.transcripts import Transcripts
from app.settings import Settings
from app.speech.rest.errors import ApiError

FAILED = 1
TAG = "imported"


def import_old(settings: Settings, name: str, folder: str, *, dry_run: bool) -> int:
    """Imports the file, whose uploads may lie in that folder too; the exit status. A dry run only tells."""
    path = Path(name)
    places = [Path(each) for each in (folder, path.parent, path.parent / "uploads") if each]
    try:
        olds, told = read(path)
        for each in told:
            print(each)
        if dry_run:
            ends = Counter(tell(old, expected(old, places)) for old in olds)
        else:
            # It says what to do where the database does not answer, and doesn't wait for it.
            backup.connect(settings).close()
            ends = asyncio.run(brought(settings, olds, places))
    except (OldFileProblem, backup.BackupProblem, DatabaseProblem, OSError) as error:
        print(f"Nothing more was imported: {error}", file=sys.stderr)
        return FAILED
    total = ", ".join(f"{count} {end}" for end, count in sorted(ends.items())) or "nothing is in it"
    print(f"{'It would be' if dry_run else 'Imported'}: {total}")
    return 0


def tell(old: Old, end: str) -> str:
    """Prints what becomes of one; the same."""
    estimated = " (words share the time of the sound: their own was not kept)" if old.estimated else ""
    print(f"{old.title}: {end}{estimated}")
    return end


def expected(old: Old, places: list[Path]) -> str:
    """What becomes of it."""
    if old.lines:
        return "text and sound" if sound_of(old, places) else "text alone, its sound is not there"
    return (
        "sound to be written down" if sound_of(old, places) else "left out: neither text nor sound is there"
    )


def sound_of(old: Old, places: list[Path]) -> Path | None:
    """Its file, where it lies there and has sound."""
    if not old.path:
        return None
    plain = Path(old.path.replace("\\", "/"))
    for place in (plain, *(each / part for each in places for part in (plain, plain.name))):
        if place.is_file():
            try:
                with place.open("rb") as file:
                    check_sound(file)
            except ApiError:
                continue
            return place
    return None


async def brought(settings: Settings, olds: list[Old], places: list[Path]) -> Counter[str]:
    """Imports them; how many came to which end."""
    await migrate.ready(settings)
    pool = database.new_engine(settings)
    sessions = async_sessionmaker(pool, expire_on_commit=False)
    transcripts = Transcripts(sessions, storage_of(settings), jobs.new_app(settings))
    try:
        return Counter(
            [tell(old, await bring(transcripts, first_owner(settings), old, places)) for old in olds]
        )
    finally:
        await pool.dispose()


async def bring(transcripts: Transcripts, owner: str, old: Old, places: list[Path]) -> str:
    """Imports one, unless it is here already; what became of it."""
    async with transcripts.sessions() as session:
        if await session.get(Transcript, old.id) is not None:
            return "here already"
    sound, end = sound_of(old, places), expected(old, places)
    if sound is None and not old.lines:
        return end
    size = 0
    if sound is not None:
        transcripts.storage.make(old.id)
        with sound.open("rb") as file:
            await asyncio.to_thread(keep, file, transcripts.storage.file(old.id))
        await asyncio.to_thread(transcripts.storage.keep, old.id)
        size = sound.stat().st_size
    done = bool(old.lines)
    async with transcripts.sessions.begin() as session:
        session.add(
            Transcript(
                id=old.id,
                owner=owner,
                name=old.name,
                title=old.title,
                size=size,
                received=size,
                language=old.language if done else "",
                wanted_language=old.language,
                state=State.DONE if done else State.QUEUED,
                seconds=(old.seconds or old.lines[-1].end) if done else None,
                tags=[TAG, *([old.model] if old.model else [])],
                made_at=old.made_at,
                finished_at=old.made_at if done else None,
                announced=done,
            )
        )
        await session.flush()
        session.add_all(row(old.id, old.language, line) for line in old.lines)
        if not done:
            await jobs.cut(transcripts.queue, session, old.id)
    await asyncio.to_thread(transcripts.storage.kept, old.id)
    return end
