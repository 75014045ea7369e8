"""WATCH_FOLDER: files that are put into it become transcripts; what was taken lies in its subfolder then."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog
from sqlalchemy.exc import OperationalError

from app.api.uploads import check_sound, keep, plain
from app.archive.tables import State
from app.archive.transcripts import Transcripts, Unknown, Wishes
from app.speech.rest.errors import ApiError

log = structlog.get_logger(__name__)

LOOK = 2.0
STEADY = 3
"""Looks in a row that find a file unchanged, after which it has been copied whole."""
TAKEN, REFUSED = "taken", "refused"
UNFINISHED = (".part", ".crdownload", ".tmp", ".download")
"""What programs call files that are still arriving."""


@dataclass(frozen=True)
class Sight:
    """A file as it was seen."""

    path: Path
    size: int
    changed: int

    @property
    def id(self) -> uuid.UUID:
        """The same for the same file: taken twice, by a restart in between, it is one transcript."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.path}:{self.size}:{self.changed}")


class Watched:
    """The folder, and how long each file in it has been unchanged."""

    def __init__(self, folder: Path, transcripts: Transcripts, owner: str) -> None:
        self.folder = folder.absolute()
        self.transcripts = transcripts
        self.owner = owner
        self._seen: dict[Sight, int] = {}

    async def watch(self) -> None:
        """Takes what is put into it, until cancelled."""
        while True:
            try:
                for sight in await asyncio.to_thread(self.steady):
                    await self.take(sight)
            except (OSError, OperationalError) as error:
                log.warning("the watched folder waits", folder=str(self.folder), error=str(error))
            await asyncio.sleep(LOOK)

    def steady(self) -> list[Sight]:
        """The files that have been unchanged for long enough. Raises OSError."""
        now = list(sights(self.folder))
        self._seen = {sight: self._seen.get(sight, 0) + 1 for sight in now}
        return [sight for sight in now if self._seen[sight] >= STEADY]

    async def take(self, sight: Sight) -> None:
        """Makes a transcript of a file, then moves the file away. Raises OSError."""
        try:
            with sight.path.open("rb") as file:
                await asyncio.to_thread(check_sound, file)
                await self._keep(sight, file)
        except ApiError as error:
            log.warning("a file of the watched folder is refused", file=sight.path.name, reason=str(error))
            moved(sight.path, self.folder / REFUSED)
            return
        await self.transcripts.arrived(sight.id)
        moved(sight.path, self.folder / TAKEN)
        log.info("taken from the watched folder", file=sight.path.name, transcript=str(sight.id))

    async def _keep(self, sight: Sight, file: BinaryIO) -> None:
        try:
            known = await self.transcripts.get(self.owner, sight.id, deleted=True)
        except Unknown:
            wishes = Wishes(plain(sight.path.name) or "upload")
            await self.transcripts.begin(self.owner, sight.size, wishes, sight.id)
        else:
            if known.state != State.ARRIVING:
                return
        await asyncio.to_thread(keep, file, self.transcripts.storage.file(sight.id))


def sights(folder: Path) -> Iterator[Sight]:
    """The files in the folder itself that may be whole. Raises OSError."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() in UNFINISHED:
            continue
        if path.is_symlink() or not path.is_file():
            continue
        about = path.stat()
        if about.st_size:
            yield Sight(path, about.st_size, about.st_mtime_ns)


def moved(path: Path, folder: Path) -> Path:
    """Moves a file into a folder, under a name that is free there. Raises OSError."""
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem} ({number}){path.suffix}"
    return path.rename(target)
