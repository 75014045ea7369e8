"""The shared cache folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cache import browser_library, cache_dir


def test_the_cache_follows_xdg_cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir("a", "b") == tmp_path / "voicestack" / "a" / "b"


@pytest.mark.parametrize("ignored", ["", "relative/folder"])
def test_an_empty_or_relative_xdg_cache_home_is_ignored(
    monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", ignored)
    assert cache_dir() == Path.home() / ".cache" / "voicestack"


def test_a_scoped_package_stays_one_folder_deep() -> None:
    assert browser_library("@scope/name", "1.0.0", "x.js").parent.name == "scope-name-1.0.0"
