"""SQLite files as the older transcription service wrote them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

TWO_TABLES = """
CREATE TABLE audio_files (id INTEGER PRIMARY KEY, original_filename TEXT, file_path TEXT,
    duration_seconds REAL, uploaded_at TEXT, file_size_bytes INTEGER, mime_type TEXT);
CREATE TABLE transcriptions (id INTEGER PRIMARY KEY, audio_file_id INTEGER, model TEXT, text TEXT,
    status TEXT, language TEXT, duration_seconds REAL, created_at TEXT, completed_at TEXT, error_message TEXT,
    processing_time_seconds REAL);
"""


def made(path: Path, layout: str, **rows: Sequence[Sequence[Any]]) -> Path:
    """A file of that layout with these rows; columns at the end that are not given stay empty."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(layout)
        for table, each in rows.items():
            for row in each:
                count = len(connection.execute(f"PRAGMA table_info({table})").fetchall())
                values = [*row, *[None] * (count - len(row))]
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * count)})", values)
        connection.commit()
    return path
