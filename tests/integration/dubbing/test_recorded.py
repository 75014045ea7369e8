"""Recorded phrases with the real media server, speech service and worker (DUB-13)."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tests.stack import Stack, wait_for

PHRASES = 4


def told(stack: Stack, name: str) -> list[dict[str, Any]]:
    """The phrase log."""
    answer = stack.http.get(f"/streams/{name}/es/phrases")
    return list(answer.json()["phrases"]) if answer.status_code == 200 else []


def recorded(stack: Stack, name: str) -> list[dict[str, Any]]:
    """The phrases whose sounds are kept."""
    return list(stack.http.get(f"/recorded/{name}/es").json()["phrases"])


def decoded(file: bytes) -> tuple[npt.NDArray[np.float32], int]:
    """Sound and sample rate of a FLAC file."""
    with av.open(io.BytesIO(file), "r") as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    return np.concatenate(parts, axis=1)[0].astype(np.float32) / 32768.0, rate


def level(sound: npt.NDArray[np.float32]) -> float:
    """RMS."""
    return float(np.sqrt(np.mean(sound**2)))


def test_recorded_phrases_have_both_sounds_in_one_archive_and_none_before_or_after(stack: Stack) -> None:
    with stack.sample("kept"):
        wait_for("phrases", lambda: len(told(stack, "kept")) >= 2, 60)
        assert recorded(stack, "kept") == []
        assert not (stack.settings.data_dir / "phrases" / "kept").exists()

        assert stack.http.post("/streams/kept/record", json={"on": True}).json()["recording"]
        wait_for("recorded phrases", lambda: len(recorded(stack, "kept")) >= PHRASES, 90)
        stack.http.post("/streams/kept/record", json={"on": False}).raise_for_status()
        settled = len(told(stack, "kept"))
        wait_for("two more phrases", lambda: len(told(stack, "kept")) >= settled + 2, 60)
        assert not any(each["recorded"] for each in told(stack, "kept")[-1:])

    archive = stack.http.get("/recorded/kept/es/phrases.zip", timeout=30).raise_for_status()
    with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
        records = [json.loads(line) for line in files.read("phrases.jsonl").splitlines()]
        dubbed = 0
        for record in records:
            original, rate = decoded(files.read(record["original"]))
            assert abs(len(original) / rate - (record["end"] - record["start"])) < 0.001
            assert level(original) > 0.01
            if record["outcome"] not in ("in_time", "late"):
                assert record["dub"] == ""
                continue
            dub, rate = decoded(files.read(record["dub"]))
            assert 0.2 < len(dub) / rate < 2 * (record["end"] - record["start"]) + 2
            assert 0.2 < level(dub) / level(original) < 5
            assert record["stages"]["recognise"] > 0
            assert record["source"]
            dubbed += 1
    assert len(records) >= PHRASES
    assert dubbed >= PHRASES // 2
