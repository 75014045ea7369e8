"""Reads the SQLite file of the older transcription service: its tables `transcriptions` and `audio_files`.

Its columns were not the same everywhere: each is known by the names that it had.
"""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.api.messages import LANGUAGE
from app.api.uploads import seen
from app.archive.editing import Line, spread
from app.archive.languages import DICTIONARIES
from app.speech.types import Word

TRANSCRIPTIONS, FILES = "transcriptions", "audio_files"
NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    TRANSCRIPTIONS: {
        "id": ("id", "transcription_id"),
        "file": ("audio_file_id", "file_id", "audio_id"),
        "text": ("text", "transcribed_text", "transcription", "transcription_text", "transcript", "content"),
        "segments": ("segments", "segments_json"),
        "language": ("language", "detected_language", "lang"),
        "model": ("model", "model_used", "model_name", "model_size"),
        "status": ("status", "state"),
        "title": ("title",),
        "name": ("audio_filename", "original_filename", "filename", "file_name"),
        "path": ("audio_path", "file_path", "path"),
        "seconds": ("duration_seconds", "audio_duration", "duration"),
        "made": ("created_at", "completed_at", "timestamp"),
    },
    FILES: {
        "id": ("id", "audio_file_id"),
        "name": ("original_filename", "filename", "file_name", "name"),
        "path": ("file_path", "path", "storage_path"),
        "seconds": ("duration_seconds", "duration"),
        "made": ("uploaded_at", "created_at"),
    },
}
"""What a column means, by table, and the names that it had, the best first."""
NEEDLESS = {
    "completed_at", "updated_at", "error_message", "processing_time_seconds", "processing_time",
    "file_size_bytes", "file_size", "mime_type", "task", "token_count", "cost", "metadata",
    "enable_llm_enhancement",
    "llm_enhancement_status", "llm_processing_time_seconds", "llm_error_message", "vad_filter_used",
}  # fmt: skip
"""Columns that are known and not needed here."""
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
A_WORD = 0.4
"""Seconds of a word where nobody knows how long the sound is."""
LANGUAGE_CODES = {name: code for code, name in DICTIONARIES.items()}
LONGEST_TEXT = 5_000_000


class OldFileProblem(ValueError):
    """The file can't be read. The message says why."""


@dataclass(frozen=True)
class Old:
    """What the old service knew of a file. `lines` is empty where it had no text; times are in seconds.

    `estimated`: it kept no times; words share the length of the sound.
    """

    key: str
    name: str
    path: str
    title: str
    language: str
    model: str
    seconds: float | None
    made_at: datetime
    lines: tuple[Line, ...]
    estimated: bool = False

    @property
    def id(self) -> uuid.UUID:
        """The same for the same row: brought twice, it is one transcript."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"whisper_transcriptions:{self.key}:{self.made_at}:{self.name}")


def read(path: Path) -> tuple[list[Old], list[str]]:
    """All that is in it, oldest first, and what of it was not understood. Raises OldFileProblem."""
    if not path.is_file():
        raise OldFileProblem(f"there is no file {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda content: content.decode(errors="replace")
            tables = {
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            if TRANSCRIPTIONS not in tables:
                raise OldFileProblem(
                    f"it has no table {TRANSCRIPTIONS}; its tables: {', '.join(sorted(tables))}"
                )
            told: list[str] = []
            transcriptions = list(rows(connection, TRANSCRIPTIONS, told))
            files = list(rows(connection, FILES, told)) if FILES in tables else []
    except sqlite3.Error as error:
        raise OldFileProblem(f"it is no SQLite database that can be read: {error}") from None
    by_id = {str(each["id"]): each for each in files}
    used = {str(each.get("file")) for each in transcriptions}
    found = [one(each, by_id.get(str(each.get("file")), {})) for each in transcriptions]
    found += [one({}, each) for each in files if str(each["id"]) not in used]
    return sorted(found, key=lambda each: each.made_at), told


def rows(connection: sqlite3.Connection, table: str, told: list[str]) -> Iterable[dict[str, Any]]:
    """A table's rows by what their columns mean; what is not understood is added to `told`."""
    columns = [str(row["name"]) for row in connection.execute(f"PRAGMA table_info({table})")]
    meanings = {}
    for meaning, names in NAMES[table].items():
        known = next((name for name in names if name in columns), None)
        if known is not None:
            meanings[meaning] = known
    strange = [each for each in columns if each not in {*meanings.values(), *NEEDLESS}]
    if strange:
        told.append(f"not understood and left out: {table}.{', '.join(strange)}")
    if "id" not in meanings:
        raise OldFileProblem(f"{table} has no column id; its columns: {', '.join(columns)}")
    for row in connection.execute(f"SELECT * FROM {table}"):
        yield {meaning: row[column] for meaning, column in meanings.items()}


def one(transcription: Mapping[str, Any], file: Mapping[str, Any]) -> Old:
    """What is known of a transcription and its file; either may be empty."""

    def value(meaning: str) -> str:
        return str(transcription.get(meaning) or file.get(meaning) or "").replace("\x00", "")

    path = value("path")
    name = (
        seen(str(file.get("name") or value("name") or path).replace("\\", "/").rpartition("/")[2]) or "upload"
    )
    seconds = number(file.get("seconds")) or number(transcription.get("seconds"))
    text = str(transcription.get("text") or "").replace("\x00", "")[:LONGEST_TEXT]
    lines = timed(transcription.get("segments"))
    old = Old(
        key=f"{transcription.get('id', '')}/{file.get('id', '')}",
        name=name[-255:],
        path=path,
        title=(seen(value("title")) or name.rpartition(".")[0] or name)[:300],
        language=code(value("language")),
        model=seen(value("model"))[:100],
        seconds=seconds,
        made_at=moment(transcription.get("made") or file.get("made")),
        lines=tuple(lines),
    )
    if lines or not text.split():
        return old
    return replace(old, lines=tuple(untimed(text, seconds)), estimated=True)


def timed(segments: object) -> list[Line]:
    """The phrases in a JSON list of Whisper's segments, in order; none where it is no such list."""
    try:
        told = json.loads(segments) if isinstance(segments, str | bytes) else []
        found: list[Line] = []
        for each in sorted(told, key=lambda each: float(each["start"])):
            start = max(float(each["start"]), found[-1].end if found else 0.0)
            end = max(start, float(each["end"]))
            if words := str(each.get("text", "")).replace("\x00", "").split():
                found.append(Line(start, end, "", tuple(spread(words, start, end))))
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
    return found


def untimed(text: str, seconds: float | None) -> list[Line]:
    """A text as phrases: its sentences, whose words share the time by their lengths."""
    words = text.split()
    whole = spread(words, 0.0, seconds or A_WORD * len(words))
    lines: list[Line] = []
    waiting: list[Word] = []
    for word in whole:
        waiting.append(word)
        if (len(waiting) >= 3 and word.text[-1] in ".?!…。？！") or len(waiting) >= 40:
            lines.append(line(waiting))
            waiting = []
    return [*lines, line(waiting)] if waiting else lines


def line(words: Sequence[Word]) -> Line:
    """A phrase of these words."""
    return Line(words[0].start, words[-1].end, "", tuple(words))


def number(value: object) -> float | None:
    """A length in seconds; None where it is none."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if 0 < found < 1e7 else None


def code(language: str) -> str:
    """A language's code; empty where it isn't known."""
    told = language.strip().lower()
    short = LANGUAGE_CODES.get(told, told.split("-")[0].split("_")[0])
    return short if re.fullmatch(LANGUAGE, short) else ""


def moment(value: object) -> datetime:
    """When something was made, in UTC where it doesn't say; the beginning of 1970 where it isn't known."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
