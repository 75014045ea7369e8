"""`python -m app mic` with the real live transcription and sales; a file is the microphone (LIV-4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.voice import save, speak
from tests.stack import ROOT, Stack, wait_for

WITHIN = 90.0
SENTENCES = ["Good morning, thank you for taking the time.", "To be honest, this is too expensive for us."]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), ("sales",)) as stack:
        yield stack


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("talk") / "talk.wav", speak(SENTENCES))


def mic(stack: Stack, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "app", "mic", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_file_is_written_down_in_the_terminal_to_its_last_word(stack: Stack, talk: Path) -> None:
    said, problems = mic(stack, "--file", str(talk)).communicate(timeout=WITHIN)
    assert "expensive" in said.lower(), problems
    assert problems == ""


def test_objections_are_told_with_answers_through_sales(stack: Stack, talk: Path) -> None:
    said, problems = mic(stack, "--file", str(talk), "--sales").communicate(timeout=WITHIN)
    assert "!  price" in said, problems
    assert said.index("expensive") < said.rindex("→")


def test_ctrl_c_ends_it_after_the_last_words(stack: Stack, tmp_path: Path) -> None:
    long = save(tmp_path / "long.wav", speak(SENTENCES * 6))
    running = mic(stack, "--file", str(long))
    assert running.stdout is not None
    wait_for("words", lambda: "expensive" in running.stdout.readline().lower(), WITHIN)  # type: ignore[union-attr]
    os.kill(running.pid, signal.SIGINT)
    _, problems = running.communicate(timeout=WITHIN)
    assert (running.returncode, problems) == (0, "")
