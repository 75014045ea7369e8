"""Where uploaded files and the pieces that are cut from them lie: a folder for each transcript."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from app.settings import Settings

FILE = "file"
PEAKS = "peaks.json"


class Storage:
    """DATA_DIR/archive, which api and every transcriber see."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data_dir.absolute() / "archive"

    def of(self, transcript: uuid.UUID) -> Path:
        """The folder of a transcript; it may not be there."""
        return self.folder / str(transcript)

    def make(self, transcript: uuid.UUID) -> Path:
        """The same, made where it is missing. Raises OSError."""
        folder = self.of(transcript)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def file(self, transcript: uuid.UUID) -> Path:
        """The uploaded file."""
        return self.of(transcript) / FILE

    def peaks(self, transcript: uuid.UUID) -> Path:
        """The outline of its sound, for the player."""
        return self.of(transcript) / PEAKS

    def piece(self, transcript: uuid.UUID, number: int) -> Path:
        """A piece of its sound, as WAV of 16 kHz."""
        return self.of(transcript) / "pieces" / f"{number:05}.wav"

    def drop_pieces(self, transcript: uuid.UUID) -> None:
        """Deletes the pieces, which nobody needs once they are recognised."""
        shutil.rmtree(self.of(transcript) / "pieces", ignore_errors=True)

    def drop(self, transcript: uuid.UUID) -> None:
        """Deletes everything of a transcript."""
        shutil.rmtree(self.of(transcript), ignore_errors=True)

    def free(self) -> int:
        """Bytes that are free where the files lie. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free
