"""A stream as it was shown, on disk: pieces of picture, sounds and subtitles, and an index of them.

A folder each, <name>@<time it began>. `index.jsonl` has a line a segment; a file `ended` says that no more
come. Who joins a stream writes there, the dubber reads.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from app.dubbing.service.paths import NAME_PATTERN

FOLDER = "joined"
INDEX, ENDED, LOCK = "index.jsonl", "ended", "lock"
SOUND_BEGINNING = "sound.mp4"
STAMP_PATTERN = r"\d{8}T\d{6}"
SHOWING = re.compile(rf"({NAME_PATTERN})@({STAMP_PATTERN})")


@dataclass(frozen=True)
class Picture:
    """What the picture is: the file with its beginning, its codec as playlists name it, its size."""

    beginning: str
    codecs: str
    width: int
    height: int


@dataclass(frozen=True)
class Splice:
    """A splice as players are told of it.

    `date` is when it is (Unix); of one that comes back (`in`), when the break began that it ends. `section`
    is the stream's own, in hexadecimal digits; `seconds` is how long the break is planned, or was.
    """

    id: str
    date: float
    kind: Literal["out", "in", "other"]
    section: str
    seconds: float | None


@dataclass(frozen=True)
class Segment:
    """A few seconds of everything.

    `at` is when its first picture came (Unix), `start` the same on the showing's own timeline, both in
    seconds. `broken`: it does not follow from the one before; `breaks` counts these, it included. `longest`
    is the longest segment so far, in whole seconds. `own` are the languages that have a sound of their own
    in it, `texts` those with subtitles ("" for what is spoken); `languages` all that there have been so far.
    `splices` are in it, or leave the programme for longer.
    """

    number: int
    at: float
    start: float
    seconds: float
    broken: bool
    breaks: int
    longest: int
    picture: Picture | None
    pictures: int
    picture_bytes: int
    sound_bytes: int
    spoken: str
    own: tuple[str, ...]
    texts: tuple[str, ...]
    languages: tuple[str, ...]
    splices: tuple[Splice, ...] = ()

    def files(self) -> list[str]:
        """The names of its files."""
        found = [sound_file("", self.number)]
        if self.picture is not None:
            found.append(picture_file(self.number))
        found += [sound_file(language, self.number) for language in self.own]
        return found + [text_file(language, self.number) for language in self.texts]


def picture_file(number: int) -> str:
    """The picture of a segment."""
    return f"picture-{number}.m4s"


def sound_file(language: str, number: int) -> str:
    """A segment's sound in that language; the original's where it is empty."""
    return f"sound-{language}-{number}.m4s" if language else f"sound-{number}.m4s"


def text_file(language: str, number: int) -> str:
    """A segment's subtitles in that language; what is spoken where it is empty."""
    return f"text-{language}-{number}.vtt" if language else f"text-{number}.vtt"


def line_of(segment: Segment) -> bytes:
    """The segment as a line of the index."""
    told = asdict(segment)
    if not segment.splices:
        # An earlier version that is gone back to reads it all the same.
        del told["splices"]
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def segment_of(line: bytes) -> Segment:
    """A line of the index. Raises ValueError, TypeError or KeyError where it is none."""
    told: dict[str, Any] = json.loads(line)
    picture = told.pop("picture")
    for key in ("own", "texts", "languages"):
        told[key] = tuple(told[key])
    told["splices"] = tuple(Splice(**each) for each in told.get("splices", ()))
    return Segment(picture=Picture(**picture) if picture else None, **told)


class Index:
    """A showing's segments as another process writes them down; `refresh` takes in what is new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments: list[Segment] = []
        self.ended = False
        self._read = 0
        self._file = 0

    def refresh(self) -> None:
        """Looks at the disk again."""
        # In this order: what ends writes its last segment first.
        ended = is_ended(self.folder)
        try:
            with open(self.folder / INDEX, "rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._file or status.st_size < self._read:
                    self.segments, self._read, self._file = [], 0, status.st_ino
                file.seek(self._read)
                self._take(file.read())
        except FileNotFoundError:
            self.segments, self._read, self._file = [], 0, 0
        self.ended = ended

    def _take(self, new: bytes) -> None:
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                self.segments.append(segment_of(line))
            except (ValueError, TypeError, KeyError):
                # Of a machine that lost its power.
                continue


def is_ended(folder: Path) -> bool:
    """Whether no more comes to a showing."""
    return (folder / ENDED).exists()


def end(folder: Path) -> None:
    """No more comes to it."""
    (folder / ENDED).touch(mode=0o600)


def folder_of(root: Path, name: str, began: float) -> Path:
    """Where a showing that began then (Unix) lies."""
    return root / f"{name}@{time.strftime('%Y%m%dT%H%M%S', time.gmtime(began))}"


def showings(root: Path, name: str = "") -> list[Path]:
    """The folders of all showings, or of one stream's, oldest first."""
    try:
        found = [
            (match[2], match[1], root / each.name)
            for each in os.scandir(root)
            if (match := SHOWING.fullmatch(each.name)) and each.is_dir(follow_symlinks=False)
        ]
    except OSError:
        return []
    return [folder for _, whose, folder in sorted(found) if not name or whose == name]
