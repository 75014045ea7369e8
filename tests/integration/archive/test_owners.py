"""What one owner has, another neither sees nor changes, at any address. (TRN-1)"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np

from tests.integration.archive.conftest import TUS, Archive, Owner, speech, wav

PARAMETER = re.compile(r"{[^}]*}")
BODIES = {
    "edits": {"version": 0, "segment": 1, "what": "text", "text": "mine"},
    "undo": {"version": 0},
    "redo": {"version": 0},
    "take": {"version": 0},
}


def test_no_address_tells_or_changes_what_another_owner_has(archive: Archive, owner: Owner) -> None:
    known = owner.uploaded(speech(), "secret.wav", title="secret")
    before = owner.done(known)
    upload = owner.begun(100)
    document = httpx.get(f"http://127.0.0.1:{archive.settings.api_port}/openapi.json", trust_env=False).json()
    asked = 0
    for path, methods in document["paths"].items():
        if "{" not in path or not path.startswith("/api/v1"):
            continue
        address = PARAMETER.sub(upload if "uploads" in path else known, path.removeprefix("/api/v1"))
        for method in methods:
            body = BODIES.get(path.rpartition("/")[2], {"title": "taken"})
            told = TUS | {"Upload-Offset": "0"}
            if "uploads" in path:
                told |= {"Content-Type": "application/offset+octet-stream"}
            for client, status in (
                (archive.two.http, 404),
                (httpx.Client(base_url=owner.http.base_url, trust_env=False), 401),
            ):
                answer = client.request(
                    method, address, headers=told, json=None if "uploads" in path else body
                )
                assert answer.status_code == status, (method, path, answer.text)
                assert "secret" not in answer.text
                asked += 1
    assert asked >= 30
    for address in ("/transcripts", "/search?words=schools", "/search?words=secret"):
        assert "secret" not in archive.two.http.get(address).text
        assert known in owner.http.get(address).text
    assert owner.get(known) == before
    same = archive.two.done(archive.two.uploaded(speech()))
    assert same["same_as"] is None


def test_news_of_a_change_comes_within_seconds_and_a_deletion_says_so(owner: Owner) -> None:
    known = owner.uploaded(speech())
    told: list[dict[str, Any]] = []
    with owner.http.stream("GET", "/events") as events:
        for line in events.iter_lines():
            if not line.startswith("data: ") or known not in line:
                continue
            told.append(json.loads(line.removeprefix("data: ")))
            if told[-1]["state"] == "done" and not told[-1]["deleted"]:
                owner.http.delete(f"/transcripts/{known}")
            if told[-1]["deleted"]:
                break
    progress = [each["progress"] for each in told]
    assert progress == sorted(progress)
    assert told[-1]["progress"] == 1.0
    assert len(told) == len({each["changed_at"] for each in told})


def test_many_uploads_at_once_are_all_taken_or_told_to_come_again(owner: Owner) -> None:
    content = wav(np.zeros(8000, np.float32), 16_000)
    with ThreadPoolExecutor(80) as pool:
        answers = list(pool.map(lambda at: owner.upload(content, f"{at}.wav"), range(80)))
    taken = [each for each in answers if each.status_code == 201]
    assert len(taken) >= 40
    for each in answers:
        assert each.status_code in (201, 503), each.text
        assert each.status_code == 201 or int(each.headers["retry-after"]) > 0
    for each in taken:
        assert owner.done(each.json()["id"], 60)["segments"] == []


def test_events_are_of_ones_own_alone(archive: Archive, owner: Owner) -> None:
    mine, theirs = owner.begun(100), archive.two.begun(100)
    with owner.http.stream("GET", "/events") as events:
        told = ""
        for line in events.iter_lines():
            told += line
            if mine in told:
                break
    assert theirs not in told
