"""Writes a showing down, segment by segment, and deletes what is too old for it."""

from __future__ import annotations

import fcntl
import math
import shutil
import time
from collections import deque
from pathlib import Path
from typing import IO

from app.dubbing import showing
from app.dubbing.join.encoder import sound_beginning
from app.dubbing.join.joiner import ORIGINAL, Ready
from app.dubbing.owners import private
from app.dubbing.showing import Index, Picture, Segment

GOES_ON = 90.0
"""Seconds after its last segment in which a showing that has no end is gone on with."""
SPARE = 30.0
"""Seconds for which a piece stays after no playlist names it any more."""


SHARED_EVERY = 15
"""Segments after which it is looked anew how many share the room."""


class Occupied(Exception):
    """Another process writes this showing."""


class Writer:
    """The folder of one showing. `window` is in seconds; `most` is in bytes, for all that are live together.

    Raises Occupied, OSError.
    """

    def __init__(self, root: Path, name: str, window: float, most: int) -> None:
        self._root, self._window, self._most = root, window, most
        self._share = most
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One for all of a stream's: which showing is gone on with is decided by one process, too.
        self._lock = lock(root / f".{name}.{showing.LOCK}")
        now = time.time()
        self.folder = unfinished(root, name, now) or new_folder(root, name, now)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        index = Index(self.folder)
        index.refresh()
        self._segments = deque(index.segments)
        last = index.segments[-1] if index.segments else None
        # By the time, so that no piece is ever called as one of an earlier showing was.
        self.number = last.number + 1 if last else int(now)
        self.begins = last.start + (now - last.at) if last else 0.0
        self._last = last
        self._dropped: list[str] = []
        self._gone: deque[tuple[float, list[str]]] = deque()
        self._lost = False
        self._beginnings = 0
        self._lines = len(self._segments)
        self._bytes = sum(size(each) for each in self._segments)
        self._sweep()
        self._write(showing.SOUND_BEGINNING, sound_beginning())
        self._index = self._append()

    def picture(self, beginning: bytes, codecs: str, width: int, height: int) -> Picture:
        """Writes down how a picture begins."""
        name = f"picture-{self.number}-{self._beginnings}.mp4"
        self._beginnings += 1
        self._write(name, beginning)
        return Picture(name, codecs, width, height)

    def write(self, ready: Ready, spoken: str) -> Segment:
        """Writes a segment down; it is in the index once its files are there.

        Raises OSError; the next one then counts as one that does not follow.
        """
        cut, last, number = ready.cut, self._last, self.number
        lost, self._lost = self._lost, True
        own = tuple(sorted(language for language in ready.sounds if language != ORIGINAL))
        seconds = cut.end - cut.start
        segment = Segment(
            number=number,
            at=cut.at,
            start=cut.start,
            seconds=round(seconds, 5),
            broken=cut.broken or lost,
            breaks=(last.breaks if last else 0) + (cut.broken or lost),
            longest=max(last.longest if last else 1, math.floor(seconds + 0.5)),
            picture=cut.picture,
            pictures=len(cut.pictures),
            picture_bytes=len(ready.picture),
            sound_bytes=max(map(len, ready.sounds.values())),
            spoken=spoken or (last.spoken if last else ""),
            own=own,
            texts=tuple(sorted(ready.texts)),
            languages=tuple(sorted({*own, *(last.languages if last else ())})),
            splices=ready.splices,
        )
        if cut.picture is not None:
            self._write(showing.picture_file(number), ready.picture)
        for language, data in ready.sounds.items():
            self._write(showing.sound_file(language, number), data)
        for language, text in ready.texts.items():
            self._write(showing.text_file(language, number), text.encode())
        self._index.write(showing.line_of(segment))
        self._index.flush()
        self._last, self._lost, self.number = segment, False, number + 1
        self._segments.append(segment)
        self._lines += 1
        self._bytes += size(segment)
        if number % SHARED_EVERY == 0:
            live = [each for each in showing.showings(self._root) if not showing.is_ended(each)]
            self._share = self._most // max(1, len(live))
        self._trim()
        return segment

    def end(self) -> None:
        """No more comes."""
        if self._last is not None:
            showing.end(self.folder)

    def remove(self) -> None:
        """Deletes the showing."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Lets go of the folder."""
        self._index.close()
        self._lock.close()

    def _trim(self) -> None:
        segments, now = self._segments, time.monotonic()
        newest = segments[-1]
        while len(segments) > 1 and (
            newest.start + newest.seconds - segments[0].start > self._window or self._bytes > self._share
        ):
            oldest = segments.popleft()
            self._bytes -= size(oldest)
            self._dropped += oldest.files()
        # Now and then: until then players are told of a little more than there need be.
        if self._lines > 20 + 1.1 * len(segments):
            self._rewrite()
        while self._gone and now - self._gone[0][0] > SPARE:
            for name in self._gone.popleft()[1]:
                (self.folder / name).unlink(missing_ok=True)

    def _rewrite(self) -> None:
        new = self.folder / f"{showing.INDEX}.new"
        new.write_bytes(b"".join(map(showing.line_of, self._segments)))
        new.chmod(0o600)
        self._index.close()
        new.rename(self.folder / showing.INDEX)
        self._index = self._append()
        self._lines = len(self._segments)
        self._gone.append((time.monotonic(), self._dropped))
        self._dropped = []

    def _sweep(self) -> None:
        """Deletes what a process that was killed left, and no index names."""
        known = {name for segment in self._segments for name in segment.files()}
        for file in self.folder.iterdir():
            if file.suffix in (".m4s", ".vtt") and file.name not in known:
                file.unlink(missing_ok=True)

    def _append(self) -> IO[bytes]:
        return open(self.folder / showing.INDEX, "ab", opener=private)

    def _write(self, name: str, data: bytes) -> None:
        with open(self.folder / name, "wb", opener=private) as file:
            file.write(data)


def unfinished(root: Path, name: str, now: float) -> Path | None:
    """The showing that is gone on with, if its last segment is not long ago."""
    for folder in showing.showings(root, name)[-1:]:
        index = Index(folder)
        index.refresh()
        if not index.ended and index.segments and now - index.segments[-1].at < GOES_ON:
            return folder
    return None


def new_folder(root: Path, name: str, now: float) -> Path:
    """Where a showing that begins now lies: not where an earlier one does."""
    while (folder := showing.folder_of(root, name, now)).exists():
        now += 1.0
    return folder


def lock(file: Path) -> IO[bytes]:
    """Holds the file for as long as it is open. Raises Occupied."""
    held = open(file, "ab", opener=private)  # noqa: SIM115
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise Occupied(f"another process writes {file.name}") from None
    return held


def size(segment: Segment) -> int:
    """About how many bytes its files have."""
    return segment.picture_bytes + segment.sound_bytes * (1 + len(segment.own)) + 500 * len(segment.texts)
