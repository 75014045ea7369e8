"""`python -m app demo` from nothing to a dubbed recording, or plain words why not (DUB-9)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import pytest

from tests.stack import LIGHT_VOICE, ROOT, free_ports, inherited, wait_for

LONGEST = 240
# The same in all: the sample is made once for each length.
SECONDS = ("--seconds", "20")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **inherited(),
        **free_ports(),
        "DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def demo() -> Iterator[list[subprocess.Popen[str]]]:
    """Demos a test has started; none outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def start(
    folder: Path, environment: dict[str, str], demo: list[subprocess.Popen[str]], *options: str
) -> subprocess.Popen[str]:
    demo.append(
        subprocess.Popen(
            [sys.executable, "-m", "app", "demo", "--output", str(folder / "dubbed.mp4"), *options],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    return demo[-1]


def dubber_is_gone(environment: dict[str, str]) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{environment['DUBBER_PORT']}/health", trust_env=False, timeout=2)
    except httpx.HTTPError:
        return True
    return False


def test_a_demo_dubs_measures_records_and_leaves_nothing_running(
    tmp_path: Path, environment: dict[str, str], demo: list[subprocess.Popen[str]]
) -> None:
    process = start(tmp_path, environment, demo, *SECONDS)
    told, wrong = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, wrong + told
    for name in ("phrases", "dubbed in time", "dub lag", "picture delay", "sound after picture", "recording"):
        assert name in told
    with av.open(str(tmp_path / "dubbed.mp4")) as recording:
        assert {stream.type for stream in recording.streams} == {"video", "audio"}
        assert float(recording.duration or 0) / av.time_base > 15
    assert dubber_is_gone(environment)


@pytest.mark.thorough
def test_a_language_that_nothing_translates_into_is_told_in_plain_words(
    tmp_path: Path, environment: dict[str, str], demo: list[subprocess.Popen[str]]
) -> None:
    process = start(tmp_path, environment | LIGHT_VOICE, demo, *SECONDS, "--language", "ja")
    told, wrong = process.communicate(timeout=LONGEST)
    assert process.returncode == 1, wrong + told
    assert "no phrase was dubbed" in wrong
    assert dubber_is_gone(environment)


@pytest.mark.thorough
def test_a_demo_that_is_interrupted_closes_its_recording_and_its_services(
    tmp_path: Path, environment: dict[str, str], demo: list[subprocess.Popen[str]]
) -> None:
    process = start(tmp_path, environment | LIGHT_VOICE, demo, *SECONDS)
    recording = tmp_path / "dubbed.mp4"
    wait_for("a recording that grows", lambda: recording.exists() and recording.stat().st_size > 100_000, 120)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    with av.open(str(recording)) as container:
        assert float(container.duration or 0) > 0
    assert dubber_is_gone(environment)
