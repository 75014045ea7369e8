"""The build of the media server refuses what it can't trust or do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import mediamtx
from tools.go_modules import BuildFailed, go


def test_a_module_that_is_not_what_was_pinned_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in_for_go(arguments: list[str], folder: Path, attempts: int = 1) -> str:  # noqa: ARG001
        return json.dumps({"Sum": "h1:changed", "Dir": "/nowhere"})

    monkeypatch.setattr(mediamtx, "go", stand_in_for_go)
    with pytest.raises(BuildFailed, match="not what was pinned"):
        mediamtx.module_folder()


def test_without_go_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match="brew install go"):
        mediamtx.build()


def test_a_failed_command_tells_its_last_words_without_the_downloads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "go"
    program.write_text("#!/bin/sh\necho 'go: downloading x' >&2\necho 'no space left' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BuildFailed) as caught:
        go(["build"], tmp_path, attempts=2)
    assert "no space left" in str(caught.value)
    assert "downloading" not in str(caught.value)
