"""A text that was written down elsewhere becomes a transcript, and so does its sound. (TRN-5)"""

from __future__ import annotations

import base64
import uuid

import httpx
import pytest

from tests.integration.archive.conftest import Owner, speech

LINES = [
    {"start": 3.0, "end": 5.0, "text": " The okapi sleeps. "},
    {"start": 0.0, "end": 3.5, "text": "Good morning to all"},
]


def kept(owner: Owner, **more: object) -> dict[str, object]:
    wish = {"title": "Live today", "language": "en", "segments": LINES, **more}
    answer = owner.http.post("/transcripts/text", json=wish)
    assert answer.status_code == 201, answer.text
    whole: dict[str, object] = answer.json()
    return whole


def sound_of(owner: Owner, text: str, content: bytes) -> httpx.Response:
    name, known = (base64.b64encode(each.encode()).decode() for each in ("live.wav", text))
    told = f"filename {name},text_of {known}"
    return owner.begin(len(content), told.encode())


def test_a_text_is_found_edited_and_exported_without_sound(owner: Owner) -> None:
    text = owner.get(str(kept(owner)["id"]))
    assert (text["state"], text["size"], text["seconds"]) == ("done", 0, 5.0)
    assert [(each["start"], each["end"]) for each in text["segments"]] == [(0.0, 3.5), (3.5, 5.0)]
    assert text["segments"][1]["words"][0] == ["The", 3.5, 3.8]
    assert owner.http.get("/search", params={"words": "okapi"}).json()["phrases"]
    assert owner.http.get(f"/transcripts/{text['id']}/sound").status_code == 404
    first = text["segments"][0]["id"]
    assert owner.post(text["id"], "edits", version=0, segment=first, what="merge").status_code == 200


def test_its_sound_takes_the_text_over_with_its_edits(owner: Owner) -> None:
    text = owner.get(str(kept(owner, sound=True)["id"]))
    first = text["segments"][0]["id"]
    owner.post(text["id"], "edits", version=0, segment=first, what="text", text="Good evening to all")
    begun = sound_of(owner, text["id"], speech())
    assert begun.status_code == 201
    upload = begun.headers["location"].rpartition("/")[2]
    assert owner.patch(upload, 0, speech()[:1000]).status_code == 204
    assert owner.get(text["id"])["segments"], "until all of it is here, the text is where it was"
    assert owner.patch(upload, 1000, speech()[1000:]).status_code == 204
    whole = owner.get(upload)
    assert (whole["state"], whole["title"], whole["version"]) == ("done", "Live today", 1)
    assert [each["text"] for each in whole["segments"]] == ["Good evening to all", "The okapi sleeps."]
    assert owner.http.get(f"/transcripts/{upload}/sound").content == speech()
    assert owner.http.get(f"/transcripts/{text['id']}").status_code == 404
    assert owner.offset(upload) == len(speech())
    undone = owner.post(upload, "undo", version=1).json()
    assert undone["segments"][0]["text"] == "Good morning to all"


def test_a_text_that_was_deleted_meanwhile_leaves_its_sound_to_be_written_down(owner: Owner) -> None:
    text = str(kept(owner, sound=True)["id"])
    upload = sound_of(owner, text, speech()).headers["location"].rpartition("/")[2]
    assert owner.http.delete(f"/transcripts/{text}").status_code == 204
    assert owner.patch(upload, 0, speech()).status_code == 204
    assert owner.done(upload)["segments"]


@pytest.mark.parametrize(("text", "status"), [("no id", 422), (str(uuid.UUID(int=7)), 404)])
def test_sound_of_no_text_is_refused(owner: Owner, text: str, status: int) -> None:
    assert sound_of(owner, text, speech()).status_code == status


@pytest.mark.parametrize(
    "bad",
    [
        {"segments": []},
        {"segments": [{"start": 0, "end": 1, "text": " "}]},
        {"segments": [{"start": -1, "end": 1, "text": "x"}]},
        {"segments": [{"start": 0, "end": 1e9, "text": "x"}]},
        {"segments": [{"start": 0, "end": 1, "text": "\x00"}]},
        {"title": ""},
        {"language": "English!"},
    ],
)
def test_what_is_no_text_is_refused(owner: Owner, bad: dict[str, object]) -> None:
    wish = {"title": "t", "segments": LINES, **bad}
    assert owner.http.post("/transcripts/text", json=wish).status_code == 422
