"""The older service's SQLite file is read whatever its columns were called. (TRN-6)"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.old_file import OldFileProblem, code, read, timed, untimed
from tests.unit.api.old_service import TWO_TABLES, made


def test_its_two_tables_are_understood(tmp_path: Path) -> None:
    path = made(
        tmp_path / "old.db",
        TWO_TABLES,
        audio_files=[(1, "My talk.mp3", "uploads/a1.mp3", 12.5, "2025-03-01 10:00:00", 99, "audio/mpeg")],
        transcriptions=[
            (
                5,
                1,
                "base",
                "Good morning to all. We begin.",
                "completed",
                "en",
                12.5,
                "2025-03-01 10:00:05",
            ),
            (6, 1, "small", "", "failed", None, None, "2025-03-02 10:00:05"),
        ],
    )
    (first, second), told = read(path)
    assert told == []
    assert (first.title, first.name, first.path) == ("My talk", "My talk.mp3", "uploads/a1.mp3")
    assert (first.language, first.model, first.seconds, first.estimated) == ("en", "base", 12.5, True)
    assert first.made_at == datetime(2025, 3, 1, 10, 0, 5, tzinfo=UTC)
    assert [line.text for line in first.lines] == ["Good morning to all.", "We begin."]
    assert first.lines[-1].end == 12.5
    assert second.lines == ()
    assert first.id != second.id
    assert read(path)[0][0].id == first.id


def test_another_layout_with_segments_and_columns_that_nobody_knows(tmp_path: Path) -> None:
    segments = [
        {"start": 3.0, "end": 4.5, "text": " We begin."},
        {"start": 0.5, "end": 2.0, "text": " Good morning."},
    ]
    path = made(
        tmp_path / "old.db",
        "CREATE TABLE transcriptions (id INTEGER, audio_filename TEXT, audio_path TEXT,"
        " transcribed_text TEXT, language TEXT, model_used TEXT, segments TEXT,"
        " audio_duration REAL, created_at TEXT, mood TEXT)",
        transcriptions=[
            (
                1,
                "a.wav",
                "C:\\old\\uploads\\a.wav",
                "x",
                "English",
                "tiny",
                json.dumps(segments),
                5,
                "?",
                "good",
            )
        ],
    )
    (only,), told = read(path)
    assert told == ["not understood and left out: transcriptions.mood"]
    assert (only.language, only.model, only.name, only.estimated) == ("en", "tiny", "a.wav", False)
    assert [(line.start, line.end, line.text) for line in only.lines] == [
        (0.5, 2.0, "Good morning."),
        (3.0, 4.5, "We begin."),
    ]


def test_a_file_that_nothing_was_written_of_comes_along_too(tmp_path: Path) -> None:
    path = made(
        tmp_path / "old.db",
        TWO_TABLES,
        audio_files=[(1, "x.wav", "uploads/x.wav", None, "2025-03-01 10:00:00", 1, None)],
    )
    (only,), _ = read(path)
    assert (only.name, only.lines, only.seconds) == ("x.wav", (), None)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "there is no file"), (b"not a database" * 99, "no SQLite database"), (b"", "no table")],
)
def test_what_is_no_such_file_is_told(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "some.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OldFileProblem, match=why):
        read(path)


def test_a_table_without_its_columns_is_told(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE transcriptions (a TEXT)")
    with pytest.raises(OldFileProblem, match="no column id; its columns: a"):
        read(path)


@given(st.text(min_size=1), st.none() | st.floats(0.1, 1e5))
def test_a_text_without_times_loses_no_word(text: str, seconds: float | None) -> None:
    lines = untimed(text, seconds)
    assert [word.text for line in lines for word in line.words] == text.split()
    assert all(one.end <= other.start for one, other in pairwise(lines))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["start", "end", "text", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_stands_for_segments_their_phrases_are_in_order(value: Any) -> None:
    lines = timed(json.dumps(value))
    assert all(line.start <= line.end for line in lines)
    assert all(one.end <= other.start for one, other in pairwise(lines))


@pytest.mark.parametrize(
    ("told", "known"), [("en", "en"), ("German", "de"), ("pt-BR", "pt"), ("auto!", ""), ("", "")]
)
def test_languages_are_known_by_code_and_by_name(told: str, known: str) -> None:
    assert code(told) == known
