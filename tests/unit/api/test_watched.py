"""Which files of the watched folder are taken, when, and where they go."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.api.watched import STEADY, Watched, moved, sights
from app.settings import SettingsError, load


def watched(folder: Path) -> Watched:
    return Watched(folder, None, "everyone")  # type: ignore[arg-type]


def test_a_file_is_taken_once_it_has_not_changed_for_some_looks(tmp_path: Path) -> None:
    folder, file = watched(tmp_path), tmp_path / "talk.wav"
    file.write_bytes(b"one")
    for _ in range(STEADY - 1):
        assert folder.steady() == []
    file.write_bytes(b"longer")
    for _ in range(STEADY - 1):
        assert folder.steady() == []
    assert [sight.path for sight in folder.steady()] == [file]


def test_what_is_no_whole_file_of_the_folder_itself_is_left_alone(tmp_path: Path) -> None:
    for name in (".hidden.wav", "arriving.wav.part", "arriving.mp4.crdownload", "talk.wav"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "old.wav").write_bytes(b"x")
    (tmp_path / "link.wav").symlink_to("/etc/hostname")
    assert [sight.path.name for sight in sights(tmp_path)] == ["talk.wav"]


def test_the_same_file_is_the_same_transcript_and_a_changed_one_is_another(tmp_path: Path) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(b"one")
    (first,), (again,) = sights(tmp_path), sights(tmp_path)
    file.write_bytes(b"another")
    (changed,) = sights(tmp_path)
    assert first.id == again.id != changed.id


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        (tmp_path / "talk.wav").write_bytes(b"x")
        names.append(moved(tmp_path / "talk.wav", tmp_path / "taken").name)
    assert names == ["talk.wav", "talk (2).wav", "talk (3).wav"]


def test_a_folder_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"WATCH_FOLDER=.*is not a folder: make it"):
        load({"WATCH_FOLDER": str(tmp_path / "nothing")})
