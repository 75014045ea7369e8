"""A language model cleans a transcript up: proposed, shown, taken or left, and never lost. (TRN-4)"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.archive.conftest import Archive, Owner, spread_out
from tests.stack import wait_for
from tests.unit.sales.stand_in_model import says

SUMMARY = {
    "summary": "Help for schools, and a cold week.",
    "chapters": [{"number": 1, "title": "Schools"}, {"number": 2, "title": "The weather"}],
    "actions": ["The government helps the schools."],
}


def numbered(asked: dict[str, Any]) -> list[str]:
    """The phrases that the model was shown."""
    lines = asked["messages"][1]["content"].partition("PHRASES\n")[2].splitlines()
    return [line.partition(": ")[2] for line in lines]


def tidy(asked: dict[str, Any]) -> tuple[int, str]:
    """What a good model answers: signs and capitals, a paragraph before the second phrase; or an outline."""
    texts = numbered(asked)
    if not texts:
        return says(json.dumps(SUMMARY))
    told = [
        {"number": number, "text": f"{text[0].upper()}{text[1:].rstrip('.!')}!", "paragraph": number == 2}
        for number, text in enumerate(texts, 1)
    ]
    return says(json.dumps({"phrases": told}))


@pytest.fixture
def known(owner: Owner) -> str:
    """A transcript that is done: two phrases."""
    transcript = owner.uploaded(spread_out(14, (1, 8)))
    owner.done(transcript)
    return transcript


@pytest.fixture(autouse=True)
def model(archive: Archive) -> Iterator[None]:
    """A good one, unless the test says otherwise."""
    archive.model.answer = tidy
    yield
    archive.model.answer = tidy


def ended(owner: Owner, transcript: str) -> dict[str, Any]:
    """The clean-up, once nobody works on it any more."""

    def over() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = owner.http.get(f"/transcripts/{transcript}/cleanup").json()
        except httpx.HTTPError:
            return None
        return found if found.get("state") in ("done", "failed") else None

    return wait_for(f"the clean-up of {transcript}", over, 60, 0.1)


def asked(owner: Owner, transcript: str) -> dict[str, Any]:
    """The same, asked for first."""
    answer = owner.post(transcript, "cleanup")
    assert answer.status_code == 202, answer.text
    return ended(owner, transcript)


def test_it_is_shown_taken_as_one_edit_and_undone(owner: Owner, known: str) -> None:
    before = owner.get(known)
    found = asked(owner, known)
    assert found["available"] is True
    assert (found["state"], found["problem"], found["progress"], found["refused"]) == ("done", "", 1.0, 0)
    assert found["summary"] == SUMMARY["summary"]
    assert [each["title"] for each in found["chapters"]] == ["Schools", "The weather"]
    assert found["chapters"][1]["start"] == before["segments"][1]["start"]
    assert found["actions"] == SUMMARY["actions"]
    assert len(found["changes"]) == len(before["segments"])
    for change, segment in zip(found["changes"], before["segments"], strict=True):
        assert " ".join(text for kind, text in change["parts"] if kind != "new") == segment["text"]
    assert owner.get(known)["segments"] == before["segments"], "nothing changes by itself"
    exported = owner.http.get(f"/transcripts/{known}/export", params={"kind": "json"}).json()
    assert exported["summary"] == SUMMARY["summary"]
    assert exported["actions"] == SUMMARY["actions"]
    assert [each["title"] for each in exported["chapters"]] == ["Schools", "The weather"]

    assert owner.post(known, "cleanup/take", version=7).status_code == 409
    taken = owner.post(known, "cleanup/take", version=0)
    assert taken.status_code == 200, taken.text
    assert taken.json()["changes"] == []
    assert taken.json()["summary"] == SUMMARY["summary"]
    after = owner.get(known)
    assert after["version"] == 1
    assert all(each["text"].endswith("!") for each in after["segments"])
    assert [each["paragraph"] for each in after["segments"]] == [False, True]
    # No word has lost its time.
    times = [[word[1:] for each in whole["segments"] for word in each["words"]] for whole in (before, after)]
    assert times[0] == times[1]
    exported = owner.http.get(f"/transcripts/{known}/export").text
    assert len(exported.partition("\n\nText\n\n")[2].strip().split("\n\n")) == 2
    assert [each["what"] for each in owner.http.get(f"/transcripts/{known}/edits").json()] == ["tidy"]
    assert owner.post(known, "undo", version=1).json()["segments"] == before["segments"]
    assert owner.post(known, "redo", version=2).json()["segments"] == after["segments"]
    assert owner.post(known, "cleanup/take", version=3).status_code == 409


def test_what_was_edited_meanwhile_is_its_editors_and_the_rest_is_taken(owner: Owner, known: str) -> None:
    asked(owner, known)
    first = owner.get(known)["segments"][0]["id"]
    owner.post(known, "edits", version=0, segment=first, what="text", text="By a person")
    shown = owner.http.get(f"/transcripts/{known}/cleanup").json()
    assert first not in [each["segment"] for each in shown["changes"]]
    assert owner.post(known, "cleanup/take", version=1).status_code == 200
    texts = [each["text"] for each in owner.get(known)["segments"]]
    assert texts[0] == "By a person"
    assert texts[1].endswith("!")


def test_left_it_changes_nothing_and_can_be_asked_again(owner: Owner, known: str) -> None:
    before = owner.get(known)
    asked(owner, known)
    left = owner.post(known, "cleanup/leave").json()
    assert (left["changes"], left["summary"]) == ([], SUMMARY["summary"])
    assert owner.get(known)["segments"] == before["segments"]
    assert asked(owner, known)["changes"]


def test_a_model_that_changes_words_changes_nothing(archive: Archive, owner: Owner, known: str) -> None:
    def other(asked: dict[str, Any]) -> tuple[int, str]:
        texts = numbered(asked)
        told = [{"number": n, "text": "Something else was said here."} for n in range(1, len(texts) + 1)]
        return says(json.dumps({"phrases": told})) if texts else says(json.dumps(SUMMARY))

    archive.model.answer = other
    found = asked(owner, known)
    assert (found["state"], found["changes"], found["refused"]) == ("done", [], 1)
    assert found["summary"] == SUMMARY["summary"]


def test_a_model_that_fails_is_told_and_it_goes_on_where_it_was(
    archive: Archive, owner: Owner, known: str
) -> None:
    archive.model.answer = lambda asked: tidy(asked) if numbered(asked) else (401, "{}")
    found = asked(owner, known)
    assert found["state"] == "failed"
    assert "LLM_API_KEY" in found["problem"]
    archive.model.answer = tidy
    questions = len(archive.model.asked)
    found = asked(owner, known)
    assert (found["state"], found["problem"]) == ("done", "")
    assert found["changes"]
    assert not any(map(numbered, archive.model.asked[questions:])), "the text was not asked about again"


def test_a_killed_api_loses_nothing_of_it(archive: Archive, owner: Owner, known: str) -> None:
    held, go_on = threading.Event(), threading.Event()

    def slow(asked: dict[str, Any]) -> tuple[int, str]:
        if not numbered(asked):
            held.set()
            go_on.wait(20)
        return tidy(asked)

    archive.model.answer = slow
    assert owner.post(known, "cleanup").status_code == 202
    assert held.wait(20)
    assert owner.post(known, "cleanup").status_code == 409, "one at a time"
    archive.kill("api")
    go_on.set()
    archive.model.answer = tidy
    archive.wait_healthy()
    found = ended(owner, known)
    assert found["state"] == "done"
    assert len(found["changes"]) == len(owner.get(known)["segments"])


def test_it_is_its_owners_and_given_up_where_nobody_wants_it(
    archive: Archive, owner: Owner, known: str
) -> None:
    for method, action in (("GET", ""), ("POST", ""), ("POST", "/leave")):
        answer = archive.two.http.request(method, f"/transcripts/{known}/cleanup{action}")
        assert answer.status_code == 404
    go_on = threading.Event()
    archive.model.answer = lambda asked: (go_on.wait(20), tidy(asked))[1]
    owner.post(known, "cleanup")
    wait_for("its beginning", lambda: cleanup_state(owner, known) == "working", 10)
    assert owner.post(known, "cleanup/leave").json()["state"] == ""
    go_on.set()
    assert cleanup_state(owner, known) == ""
    assert owner.post(owner.begun(10), "cleanup").status_code == 409


def cleanup_state(owner: Owner, known: str) -> str:
    return str(owner.http.get(f"/transcripts/{known}/cleanup").json()["state"])
