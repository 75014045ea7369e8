"""Where uploaded files lie, with what is cut from them: a folder, or a bucket of S3 (UPLOADS_BUCKET)."""

from __future__ import annotations

import abc
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from app.settings import Settings

FILE = "file"
PEAKS = "peaks.json"
"""The outline of a file's sound, for the player."""
PIECES = "pieces"
CHUNK = 1 << 20


def piece(number: int) -> str:
    """The name of a piece of a file's sound, WAV of 16 kHz."""
    return f"{PIECES}/{number:05}.wav"


class OutOfReach(OSError):
    """What the files lie in does not answer, or refuses. The message says why."""


class Storage(abc.ABC):
    """The files of every transcript, under its id: FILE, PEAKS and the pieces.

    A file arrives on the disk of the machine that takes it, and is kept from then on where api and every
    transcriber see it. Everything but `file`, `make` and `free` may ask the network: not in an event loop.
    Raises OutOfReach where that doesn't answer.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data_dir.absolute() / "archive"
        """What arrives, or is needed for a moment, on this machine's disk."""

    def of(self, transcript: uuid.UUID) -> Path:
        """The folder of a transcript on this machine; it may not be there."""
        return self.folder / str(transcript)

    def make(self, transcript: uuid.UUID) -> Path:
        """The same, made where it is missing. Raises OSError."""
        folder = self.of(transcript)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def file(self, transcript: uuid.UUID) -> Path:
        """The uploaded file while it arrives."""
        return self.of(transcript) / FILE

    def made_folder(self) -> Path:
        """The folder on this machine's disk, made where it is missing. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    def free(self) -> int:
        """Bytes that are free on this machine's disk. Raises OSError."""
        return shutil.disk_usage(self.made_folder()).free

    @abc.abstractmethod
    def keep(self, transcript: uuid.UUID) -> None:
        """The file has arrived: everybody sees it from now on. Twice does no harm."""

    @abc.abstractmethod
    def kept(self, transcript: uuid.UUID) -> None:
        """That it has arrived is written down: what is not needed on this machine's disk any more goes."""

    @abc.abstractmethod
    def opened(self, transcript: uuid.UUID) -> AbstractContextManager[BinaryIO]:
        """The file, on this machine's disk for the time of a `with` block. Raises FileNotFoundError."""

    @abc.abstractmethod
    def part(self, transcript: uuid.UUID, first: int, last: int) -> Iterator[bytes]:
        """The file's bytes from the first to the last. Raises FileNotFoundError before the first is read."""

    @abc.abstractmethod
    def put(self, transcript: uuid.UUID, name: str, content: bytes) -> None:
        """Keeps PEAKS or a piece, whole or not at all."""

    @abc.abstractmethod
    def get(self, transcript: uuid.UUID, name: str) -> bytes:
        """PEAKS or a piece. Raises FileNotFoundError."""

    @abc.abstractmethod
    def take(self, transcript: uuid.UUID, folder: Path) -> None:
        """Keeps the files of a folder on this machine's disk in place of all that the transcript had."""

    @abc.abstractmethod
    def drop_pieces(self, transcript: uuid.UUID) -> None:
        """Deletes the pieces, which nobody needs once they are recognised."""

    @abc.abstractmethod
    def drop(self, transcript: uuid.UUID) -> None:
        """Deletes everything of a transcript."""


class Folder(Storage):
    """DATA_DIR/archive, which api and every transcriber see."""

    def keep(self, transcript: uuid.UUID) -> None:
        """It arrives where it stays."""

    def kept(self, transcript: uuid.UUID) -> None:
        """Nothing goes."""

    def opened(self, transcript: uuid.UUID) -> AbstractContextManager[BinaryIO]:
        """The file itself."""
        return self.file(transcript).open("rb")

    def part(self, transcript: uuid.UUID, first: int, last: int) -> Iterator[bytes]:
        """Read in chunks."""
        file = self.file(transcript).open("rb")
        file.seek(first)
        return chunks(file, last + 1 - first)

    def put(self, transcript: uuid.UUID, name: str, content: bytes) -> None:
        """Written beside its place, then moved there."""
        path = self.of(transcript) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(path)

    def get(self, transcript: uuid.UUID, name: str) -> bytes:
        """Read whole."""
        return (self.of(transcript) / name).read_bytes()

    def take(self, transcript: uuid.UUID, folder: Path) -> None:
        """The folder becomes the transcript's."""
        self.drop(transcript)
        folder.rename(self.of(transcript))

    def drop_pieces(self, transcript: uuid.UUID) -> None:
        """Their folder goes."""
        shutil.rmtree(self.of(transcript) / PIECES, ignore_errors=True)

    def drop(self, transcript: uuid.UUID) -> None:
        """Its folder goes."""
        shutil.rmtree(self.of(transcript), ignore_errors=True)


def chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """So many bytes of a file, a chunk at a time; closes it at the end."""
    with file:
        while size > 0 and (chunk := file.read(min(CHUNK, size))):
            size -= len(chunk)
            yield chunk


def storage_of(settings: Settings) -> Storage:
    """The storage that the settings name."""
    if not settings.uploads_bucket:
        return Folder(settings)
    from app.archive.s3 import Bucket

    return Bucket(settings)
