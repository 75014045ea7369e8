"""Recorded phrases on disk: a folder each with its record and both sounds, whole or not at all.

They lie in <stream>/<language>/<key>, where the key is when the phrase was heard, in Unix milliseconds,
and its number: it tells their age, and stays the same name for as long as they are kept.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.dubbing.messages import Sounds
from app.dubbing.owners import private
from app.dubbing.service import paths, views
from app.service import Check

RECORD, ORIGINAL, DUB = "record.json", "original.flac", "dub.flac"
NEW = ".new-"
KEY_PATTERN = r"[0-9]{13}-[0-9]{1,12}"
TRIM_EVERY = 300.0
# What makes room makes some more, or the next phrase would have to look through everything again.
ROOM = 0.95
ABANDONED = 60.0
MOST_WRITING = 32

log = structlog.get_logger()


@dataclass(frozen=True)
class _Entry:
    key: str
    path: Path
    bytes: int


class Recorded:
    """The folder of recorded phrases, at most `megabytes` of them, none older than `days`.

    What can't be written is told by `check`, and the dubs go on. Files are touched in threads alone.
    """

    def __init__(self, folder: Path, megabytes: int, days: float) -> None:
        self._folder = folder
        self._most = megabytes << 20
        self._seconds = days * 86400
        self._bytes = 0
        self._lock = threading.Lock()
        self._writing = 0
        self._problem = ""

    async def check(self) -> Check | None:
        """What is wrong with the folder; None where nothing is."""
        return Check(False, self._problem) if self._problem else None

    async def keep(self, record: views.Phrase, sounds: Sounds) -> bool:
        """Writes a phrase down under its `recorded`; says whether it is there now."""
        if self._writing >= MOST_WRITING:
            self._failed("the disk is too slow")
            return False
        self._writing += 1
        try:
            await asyncio.to_thread(self._keep, record, sounds)
            self._problem = ""
        except OSError as error:
            self._failed(error.strerror or str(error))
            return False
        finally:
            self._writing -= 1
        return True

    async def run(self) -> None:
        """Deletes what is too old, or too much, now and then until cancelled."""
        while True:
            await asyncio.to_thread(self.trim)
            await asyncio.sleep(TRIM_EVERY)

    def trim(self) -> None:
        """Deletes the oldest until the rest is neither too much nor too old."""
        with self._lock:
            entries = sorted(self._entries(), key=lambda entry: entry.key)
            total = sum(entry.bytes for entry in entries)
            limit = self._most * ROOM if total > self._most else self._most
            oldest = f"{max(0, round((time.time() - self._seconds) * 1000)):013d}"
            for entry in entries:
                if total <= limit and entry.key >= oldest:
                    break
                shutil.rmtree(entry.path, ignore_errors=True)
                total -= entry.bytes
            self._bytes = total
            self._sweep()

    def dubs(self) -> list[views.RecordedDub]:
        """The dubs that have recorded phrases."""
        found: dict[tuple[str, str], list[_Entry]] = {}
        for entry in self._entries():
            found.setdefault((entry.path.parts[-3], entry.path.parts[-2]), []).append(entry)
        return [
            views.RecordedDub(
                stream=stream,
                language=language,
                phrases=len(entries),
                bytes=sum(entry.bytes for entry in entries),
                first=min(heard_at(entry.key) for entry in entries),
                last=max(heard_at(entry.key) for entry in entries),
            )
            for (stream, language), entries in sorted(found.items())
        ]

    def keys(self, stream: str, language: str) -> list[str]:
        """The dub's recorded phrases, oldest first. Names are of the forms that the API lets in."""
        return sorted(path.name for path in self._in(self._folder / stream / language, KEY_PATTERN))

    def record(self, stream: str, language: str, key: str) -> views.Phrase | None:
        """One record; None where it is gone."""
        try:
            text = (self._folder / stream / language / key / RECORD).read_bytes()
        except OSError:
            return None
        return views.Phrase.model_validate_json(text)

    def sound(self, stream: str, language: str, key: str, file: str) -> bytes | None:
        """A phrase's sound as a FLAC file; None where there is none, or none any more."""
        try:
            return (self._folder / stream / language / key / file).read_bytes()
        except OSError:
            return None

    def archive(self, stream: str, language: str) -> Iterator[bytes]:
        """A ZIP file, piece by piece: `phrases.jsonl` with all records, and the sounds that these name."""
        sink = _Sink()
        keys = self.keys(stream, language)
        with zipfile.ZipFile(sink, "w") as archive:
            with archive.open(zipfile.ZipInfo("phrases.jsonl", date(keys)), "w") as lines:
                for key in keys:
                    record = self.record(stream, language, key)
                    if record is None:
                        continue
                    document = record.model_dump()
                    for file in (ORIGINAL, DUB):
                        there = (self._folder / stream / language / key / file).is_file()
                        document[Path(file).stem] = f"{key}/{file}" if there else ""
                    lines.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
                    yield from sink.taken()
            for key in keys:
                for file in (ORIGINAL, DUB):
                    sound = self.sound(stream, language, key, file)
                    if sound is not None:
                        archive.writestr(zipfile.ZipInfo(f"{key}/{file}", date([key])), sound)
                        yield from sink.taken()
        yield from sink.taken()

    def _keep(self, record: views.Phrase, sounds: Sounds) -> None:
        place = self._folder / record.stream / record.language
        for folder in (self._folder, place.parent, place):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = place / f"{NEW}{record.recorded}"
        new.mkdir(mode=0o700)
        files = {RECORD: record.model_dump_json().encode(), ORIGINAL: sounds.original, DUB: sounds.dub}
        try:
            for name, data in files.items():
                if data:
                    with open(new / name, "xb", opener=private) as file:
                        file.write(data)
            new.rename(place / record.recorded)
        except OSError:
            shutil.rmtree(new, ignore_errors=True)
            raise
        with self._lock:
            self._bytes += sum(map(len, files.values()))
            full = self._bytes > self._most
        if full:
            self.trim()

    def _entries(self) -> Iterator[_Entry]:
        for path in self._everywhere(KEY_PATTERN):
            yield _Entry(path.name, path, size(path))

    def _sweep(self) -> None:
        """Deletes what a dubber that was killed left half written."""
        for new in self._everywhere(re.escape(NEW) + KEY_PATTERN):
            if time.time() - changed(new) > ABANDONED:
                shutil.rmtree(new, ignore_errors=True)

    def _everywhere(self, pattern: str) -> Iterator[Path]:
        """The folders of such names under every stream and language."""
        for stream in self._in(self._folder, paths.NAME_PATTERN):
            for language in self._in(stream, paths.LANGUAGE_PATTERN):
                yield from self._in(language, pattern)

    @staticmethod
    def _in(folder: Path, pattern: str) -> list[Path]:
        try:
            return [
                Path(each.path)
                for each in os.scandir(folder)
                if re.fullmatch(pattern, each.name) and each.is_dir(follow_symlinks=False)
            ]
        except OSError:
            return []

    def _failed(self, reason: str) -> None:
        problem = f"phrases can't be recorded in {self._folder}: {reason}"
        if problem != self._problem:
            log.error("phrases are not recorded", reason=problem)
        self._problem = problem


class _Sink(io.RawIOBase):
    """What a ZIP file is written to, and taken from, without ever being whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        """What has been written since the last time."""
        pieces, self._pieces = self._pieces, []
        if pieces:
            yield b"".join(pieces)


def key(record: views.Phrase) -> str:
    """The name under which a phrase is kept."""
    return f"{round(record.shown_at * 1000):013d}-{record.id}"


def heard_at(key: str) -> float:
    """The Unix time at which a phrase was heard."""
    return int(key.split("-")[0]) / 1000


def date(keys: list[str]) -> tuple[int, int, int, int, int, int]:
    """When the newest of them was heard (UTC), as a ZIP file tells it."""
    moment = time.gmtime(heard_at(keys[-1]) if keys else time.time())
    return (
        max(moment.tm_year, 1980),
        moment.tm_mon,
        moment.tm_mday,
        moment.tm_hour,
        moment.tm_min,
        moment.tm_sec,
    )


def size(folder: Path) -> int:
    """Bytes of the files in it; 0 where it has just gone."""
    try:
        return sum(each.stat().st_size for each in os.scandir(folder))
    except OSError:
        return 0


def changed(path: Path) -> float:
    """The Unix time of its last change; now where it has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
