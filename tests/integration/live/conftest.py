"""A running live, WhisperLive's own client, and speech with a known text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from app.cache import cache_dir
from app.speech.engines.piper import Piper
from app.speech.sound import Resampler, to_pcm
from app.speech.types import RECOGNISER_RATE, Samples
from tests.stack import ROOT, Stack

HERE = Path(__file__).parent
LOCK = ROOT / "requirements" / "whisper-live.txt"
SENTENCES = (
    "The government will help the schools.",
    "The weather will be cold in the mountains.",
)
PAUSE = 1.0


@pytest.fixture(scope="session")
def whisper_live() -> dict[str, str]:
    """The environment in which WhisperLive's client can be imported."""
    version = re.findall(r"whisper-live==(\S+)", LOCK.read_text(encoding="utf-8"))[0]
    folder = cache_dir("tests", f"whisper-live-{version}")
    if not (folder / "whisper_live").is_dir():
        options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(folder), "-r", str(LOCK)]
        subprocess.run([sys.executable, "-m", "pip", "install", *options], check=True)
    return {**os.environ, "PYTHONPATH": f"{folder}:{HERE / 'stand_ins'}"}


@pytest.fixture(scope="session")
def speech() -> Samples:
    """The sentences with a second of silence after each, at 16 kHz; the same each time."""
    onnxruntime.set_seed(7)
    voice = Piper(Path("no-voices"))
    parts = []
    for sentence in SENTENCES:
        samples, rate = voice.speak(sentence, "en", "")
        parts += [
            Resampler(rate, RECOGNISER_RATE)(samples),
            np.zeros(int(PAUSE * RECOGNISER_RATE), np.float32),
        ]
    return np.concatenate(parts)


@pytest.fixture(scope="session")
def sound_file(speech: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sentences as a WAV file."""
    path = tmp_path_factory.mktemp("sound") / "speech.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RECOGNISER_RATE)
        out.writeframes(to_pcm(speech))
    return path


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """live with the embedded recogniser and two places."""
    extra = {"LIVE_MAX_CLIENTS": "2"}
    with Stack(tmp_path_factory.mktemp("live"), ("live",), extra) as running:
        yield running
