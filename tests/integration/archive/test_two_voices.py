"""Two voices that talk to each other are told apart, and given names. (TRN-4)"""

from __future__ import annotations

import base64

import numpy as np
import pytest

from app.demo.uploads.interview import LINES, RATE, spoken
from tests.integration.archive.conftest import Owner, wav

PAUSE = 0.6
Interview = tuple[bytes, list[tuple[float, float, str]]]


@pytest.fixture(scope="module")
def interview() -> Interview:
    """Four lines of the demo's interview, and from when to when who speaks."""
    lines = LINES[:4]
    parts, times, now = [], [], 0.0
    for (who, _), sound in zip(lines, spoken(lines), strict=True):
        times.append((now, now + sound.size / RATE, who))
        parts += [sound, np.zeros(round(PAUSE * RATE), np.float32)]
        now += sound.size / RATE + PAUSE
    return wav(np.concatenate(parts), RATE), times


def test_two_voices_are_told_apart(owner: Owner, interview: Interview) -> None:
    content, times = interview
    metadata = b"language ZW4=,speakers " + base64.b64encode(b"1")
    upload = owner.begin(len(content), metadata).headers["location"].rpartition("/")[2]
    assert owner.patch(upload, 0, content).status_code == 204
    told = owner.done(upload, within=240)
    assert told["problem"] == ""
    right: dict[str, dict[str, int]] = {}
    for segment in told["segments"]:
        for _, start, end in segment["words"]:
            middle = (start + end) / 2
            who = min(times, key=lambda each: max(each[0] - middle, middle - each[1]))[2]
            names = right.setdefault(segment["speaker"], {})
            names[who] = names.get(who, 0) + 1
    assert set(right) == {"Speaker 1", "Speaker 2"}
    shares = {name: max(count, key=count.__getitem__) for name, count in right.items()}
    assert len(set(shares.values())) == 2
    every = sum(sum(count.values()) for count in right.values())
    share = sum(max(count.values()) for count in right.values()) / every
    assert share > 0.9, right
    exported = owner.http.get(f"/transcripts/{told['id']}/export").text
    assert exported.startswith("Speaker 1: ")
    known = {"Speaker 1": "Ms Okafor"}
    assert owner.http.patch(f"/transcripts/{told['id']}", json={"speakers": known}).status_code == 200
    assert "Ms Okafor: " in owner.http.get(f"/transcripts/{told['id']}/export").text
