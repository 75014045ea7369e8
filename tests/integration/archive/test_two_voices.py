"""Two voices that talk to each other are told apart, given names, and known by these later. (TRN-4)"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from app.demo.uploads.interview import LINES, RATE
from app.demo.uploads.interview import spoken as speak
from tests.integration.archive.conftest import KEYS, STOP_WITHIN, Archive, Owner, wav
from tests.stack import free_port, wait_for

PAUSE = 0.6
Interview = tuple[bytes, list[tuple[float, float, str]]]


def interview(first: int, last: int) -> Interview:
    """Lines of the demo's interview, and from when to when who speaks."""
    lines = LINES[first:last]
    spoken: list[tuple[float, float, str]] = []
    parts, now = [], 0.0
    for (who, _), sound in zip(lines, speak(lines), strict=True):
        spoken.append((now, now + sound.size / RATE, who))
        parts += [sound, np.zeros(round(PAUSE * RATE), np.float32)]
        now += sound.size / RATE + PAUSE
    return wav(np.concatenate(parts), RATE), spoken


def told(owner: Owner, content: bytes) -> dict[str, Any]:
    """The transcript of an upload whose speakers were to be told apart."""
    metadata = b"language ZW4=,speakers " + base64.b64encode(b"1")
    upload = owner.begin(len(content), metadata).headers["location"].rpartition("/")[2]
    assert owner.patch(upload, 0, content).status_code == 204
    found = owner.done(upload, within=240)
    assert found["problem"] == ""
    return found


def shares(transcript: dict[str, Any], spoken: list[tuple[float, float, str]]) -> dict[str, Counter[str]]:
    """Of each speaker, how many words whom said."""
    right: dict[str, Counter[str]] = {}
    for segment in transcript["segments"]:
        for _, start, end in segment["words"]:
            middle = (start + end) / 2
            who = min(spoken, key=lambda each: max(each[0] - middle, middle - each[1]))[2]
            right.setdefault(segment["speaker"], Counter())[who] += 1
    return right


def kept(owner: Owner) -> list[dict[str, Any]]:
    """The voices that are known."""
    found: list[dict[str, Any]] = owner.http.get("/voices").raise_for_status().json()["voices"]
    return found


def test_two_voices_are_told_apart_and_known_again_once_they_have_a_name(
    archive: Archive, owner: Owner
) -> None:
    content, spoken = interview(0, 6)
    first = told(owner, content)
    right = shares(first, spoken)
    assert set(right) == {"Speaker 1", "Speaker 2"}
    assert len({max(count, key=count.__getitem__) for count in right.values()}) == 2
    share = sum(max(count.values()) for count in right.values()) / sum(map(Counter.total, right.values()))
    assert share > 0.9, right
    exported = owner.http.get(f"/transcripts/{first['id']}/export").text
    assert exported.startswith("Speaker 1: ")
    known = {"speakers": {"Speaker 1": "Ms Okafor"}}
    # An api that keeps no voices names, and that is all.
    with another_api(archive, VOICE_PRINTS="false") as other:
        assert other.http.get("/voices").json() == {"kept": False, "voices": []}
        assert other.http.patch(f"/transcripts/{first['id']}", json=known).status_code == 200
    assert "Ms Okafor: " in owner.http.get(f"/transcripts/{first['id']}/export").text
    assert archive.rows("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'know'") == []
    assert kept(owner) == []

    known["speakers"]["Speaker 1"] = "Mr Okafor"
    owner.http.patch(f"/transcripts/{first['id']}", json=known).raise_for_status()
    wait_for("the voice to be kept", lambda: kept(owner), 60)
    known["speakers"]["Speaker 1"] = "Ada Okafor"
    owner.http.patch(f"/transcripts/{first['id']}", json=known).raise_for_status()
    wait_for("its new name", lambda: [each["name"] for each in kept(owner)] == ["Ada Okafor"], 60)
    assert kept(archive.two) == []

    content, spoken = interview(4, 10)
    again = told(owner, content)
    (speaker,) = again["speakers"]
    assert again["speakers"] == {speaker: "Ada Okafor"}
    assert shares(again, spoken)[speaker].most_common(1)[0][0] == LINES[0][0]
    stranger = told(archive.two, interview(4, 6)[0])
    assert stranger["speakers"] == {}

    (voice,) = kept(owner)
    assert archive.two.http.delete(f"/voices/{voice['id']}").status_code == 404
    assert owner.http.delete(f"/voices/{voice['id']}").status_code == 204
    assert kept(owner) == []
    assert archive.rows("SELECT count(*) FROM voices") == [{"count": 0}]
    assert owner.get(again["id"])["speakers"] == {speaker: "Ada Okafor"}


@contextmanager
def another_api(archive: Archive, **extra: str) -> Iterator[Owner]:
    """One beside the other, with settings of its own."""
    port = free_port()
    process = archive.run("serve", "api", API_PORT=str(port), **extra)
    try:
        archive.wait_healthy(port)
        yield Owner(archive.settings.model_copy(update={"api_port": port}), KEYS[0])
    finally:
        process.terminate()
        process.wait(STOP_WITHIN)
