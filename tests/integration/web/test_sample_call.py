"""The console's sample call, spoken by the embedded voice (LIV-4, LIV-5)."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.settings import load
from app.web.service import create


def test_the_sample_call_has_a_voice_on_each_side_and_is_spoken_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    console = TestClient(create(load({})), "http://localhost")
    answer = console.get("/sample-call.wav")
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 16_000)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert len(sound) > 30 * 16_000
    loud = np.abs(sound.astype(int)) > 1000
    assert loud.any(axis=0).all()
    assert not loud.all(axis=1).any()
    assert console.get("/sample-call.wav").headers["etag"] == answer.headers["etag"]
    assert [file.suffix for file in tmp_path.rglob("sample-call*")] == [".wav"]
