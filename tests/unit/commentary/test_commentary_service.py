"""Commentary's API: sessions, comments, history, describers and what takes over from them (COM-1, 4, 7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.commentary import sessions as sessions_module
from app.commentary import vision as vision_module
from app.commentary.service import create
from app.commentary.vision import clean
from app.settings import SettingsError, load
from tests.unit.commentary.moving_pictures import BLUE, GREY, RED, video
from tests.unit.commentary.stand_in_tts import StandInTts, stand_in_tts
from tests.unit.sales.stand_in_model import StandInModel, says, wait_until

# Cuts at 1.2 and 2.4 s.
SECONDS = 3.6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of two cuts."""
    folder = tmp_path_factory.mktemp("videos")
    video(folder / "cuts.mp4", [RED] * 30 + [BLUE] * 30 + [GREY] * 30)
    return folder


@pytest.fixture
def tts() -> Iterator[StandInTts]:
    with stand_in_tts() as tts:
        yield tts


def made(folder: Path, tts: StandInTts | None = None, /, **more: str) -> TestClient:
    """Commentary with these settings."""
    here = {
        "COMMENTARY_FOLDER": str(folder),
        "TTS_URL": f"http://127.0.0.1:{tts.port if tts else 9}",
        "DUBBER_PORT": "9",
        "RECONNECT_DELAY": "0.05",
        "MAX_RECONNECT_DELAY": "0.2",
        "ALLOWED_HOSTS": "testserver",
    }
    return TestClient(create(load({**here, **more})))


def begin(client: TestClient, loop: bool = False, **wishes: Any) -> str:
    source = {"kind": "file", "name": "cuts.mp4", "loop": loop}
    answer = client.post("/api/sessions", json={"source": source, **wishes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_only_a_stream_of_ours_can_have_an_audio_description(folder: Path) -> None:
    with made(folder) as client:
        source = {"kind": "file", "name": "cuts.mp4"}
        answer = client.post("/api/sessions", json={"source": source, "describe": True})
        assert answer.status_code == 422
        assert "only a stream of the media server" in answer.json()["detail"]
        id = begin(client, loop=True)
        answer = client.patch(f"/api/sessions/{id}", json={"describe": True})
        assert answer.status_code == 422
        assert client.get(f"/api/sessions/{id}").json()["wishes"]["describe"] is False
        dub = {"kind": "stream", "name": "dub/news/es"}
        assert client.post("/api/sessions", json={"source": dub, "describe": True}).status_code == 422


def test_without_the_dubber_a_description_says_so(folder: Path) -> None:
    with made(folder) as client:
        source = {"kind": "stream", "name": "live/news"}
        answer = client.post("/api/sessions", json={"source": source, "describe": True})
        address = f"/api/sessions/{answer.json()['id']}"
        detail = "the dubber does not answer"
        wait_until(lambda: client.get(address).json()["description"]["detail"] == detail, detail)
        assert client.patch(address, json={"describe": False}).json()["description"] is None


def events(client: TestClient, id: str, **headers: str) -> list[dict[str, Any]]:
    """All events of a session, up to its end."""
    with client.stream("GET", f"/api/sessions/{id}/events", headers=headers) as answer:
        return [json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:")]


def test_a_video_is_commented_on_from_its_start_to_its_end(folder: Path, tts: StandInTts) -> None:
    tts.body = tts.body[:4044]
    with made(folder, tts) as client:
        id = begin(client)
        told = events(client, id)
        comments = {each["id"]: each for each in told if each["type"] == "comment"}
        assert [(each["why"], "blue" in each["text"]) for each in comments.values()] == [
            ("start", False),
            ("cut", True),
            ("cut", False),
        ]
        assert [each["position"] for each in comments.values()] == pytest.approx([0.0, 1.2, 2.4], abs=0.3)
        spoken = [each for each in comments.values() if each["spoken"]]
        assert spoken[-1]["text"] == tts.asked[-1]["input"]
        sound = client.get(f"/api/sessions/{id}/comments/{spoken[-1]['id']}/sound.wav")
        assert sound.content == tts.body
        last = told[-1]
        assert (last["type"], last["state"]) == ("session", "ended")
        assert "the source has ended" in last["detail"]
        for form, begins in (("srt", "1\n00:00:0"), ("vtt", "WEBVTT"), ("json", "[")):
            file = client.get(f"/api/sessions/{id}/history", params={"format": form})
            assert file.text.startswith(begins)
            assert f".{form}" in file.headers["content-disposition"]
        kept = client.get(f"/api/sessions/{id}/comments").json()
        assert [{**each, "type": "comment"} for each in kept] == list(comments.values())
        later = events(client, id, **{"last-event-id": "2"})
        assert len([each for each in later if each["type"] == "comment"]) < len(
            [each for each in told if each["type"] == "comment"]
        )
        assert (
            'voicestack_commentary_comments_total{describer="scene",why="cut"} 2.0'
            in client.get("/metrics").text
        )


def test_comments_go_on_where_tts_is_down_and_that_is_told(folder: Path) -> None:
    with made(folder) as client:
        told = events(client, begin(client))
        assert sum(each["type"] == "comment" for each in told) == 3
        assert told[-1]["speech"]["healthy"] is False
        assert "tts is out of reach" in told[-1]["speech"]["detail"]
        status = client.get("/api/status").json()
        assert status["speech"]["healthy"] is False
        assert (status["capture_healthy"], status["livekit_connected"], status["sessions"]) == (None, None, 0)


def test_a_voice_that_takes_long_keeps_no_new_scene_back(folder: Path, tts: StandInTts) -> None:
    tts.held = True
    with made(folder, tts) as client:
        told = events(client, begin(client))
        assert [each["why"] for each in told if each["type"] == "comment"] == ["start", "cut", "cut"]
        assert len(tts.asked) == 3


def test_comments_are_translated_and_spoken_in_the_language_that_is_asked_for(
    folder: Path, tts: StandInTts
) -> None:
    tts.body = tts.body[:4044]
    with stand_in_tts() as sts, made(folder, tts, STS_URLS=f"ws://127.0.0.1:{sts.port}") as client:
        sts.body = '{"text": "La imagen cambió.", "translator": "apertium"}'.encode()
        told = [each for each in events(client, begin(client, language="es")) if each["type"] == "comment"]
        assert {(each["text"], each["language"]) for each in told} == {("La imagen cambió.", "es")}
        assert sts.asked[0]["source"] == "en"
        assert sts.asked[0]["target"] == "es"
        assert (tts.asked[0]["input"], tts.asked[0]["language"]) == ("La imagen cambió.", "es")


def test_what_cannot_be_translated_is_told_once_and_said_in_english(folder: Path, tts: StandInTts) -> None:
    tts.body = tts.body[:4044]
    with stand_in_tts() as sts, made(folder, tts, STS_URLS=f"ws://127.0.0.1:{sts.port}") as client:
        sts.status, sts.body = 400, b'{"error": {"message": "no translator for en-ja"}}'
        told = events(client, begin(client, language="ja"))
        assert {each["language"] for each in told if each["type"] == "comment"} == {"en"}
        assert told[-1]["describer"]["detail"] == "comments are in English: no translator for en-ja"
        assert len(sts.asked) == 1


@pytest.mark.parametrize("fault", ["refuses", "sends nonsense"])
def test_a_tts_that_fails_is_told(folder: Path, tts: StandInTts, fault: str) -> None:
    tts.status = 503 if fault == "refuses" else 200
    tts.body = b'{"error": {"message": "busy"}}' if fault == "refuses" else b"no wav"
    with made(folder, tts) as client:
        last = events(client, begin(client))[-1]
        assert ("503: busy" if fault == "refuses" else "no WAV file") in last["speech"]["detail"]


def test_what_goes_on_is_seen_and_can_be_changed_and_ended(folder: Path) -> None:
    with made(folder) as client:
        id = begin(client, loop=True, profile="sports")
        wait_until(lambda: client.get(f"/api/sessions/{id}").json()["state"] == "watching", "watching")
        status = client.get("/api/status").json()
        assert status["capture_healthy"] is True
        assert status["sessions"] == 1
        picture = client.get(f"/api/sessions/{id}/picture.jpg")
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.content[:2] == b"\xff\xd8"
        assert client.get(f"/api/sessions/{id}").json()["wishes"]["pace"] == "lively"
        changed = client.patch(f"/api/sessions/{id}", json={"profile": "nature", "instruction": "only birds"})
        assert (
            changed.json()["wishes"] | {"pace": "calm", "profile": "nature", "instruction": "only birds"}
            == (changed.json()["wishes"])
        )
        assert client.patch(f"/api/sessions/{id}", json={"profile": "none"}).status_code == 404
        assert client.post(f"/api/sessions/{id}/end").json()["state"] == "ended"
        assert client.get("/api/sessions").json()["sessions"][0]["id"] == id
        assert client.delete(f"/api/sessions/{id}").status_code == 204
        assert client.get(f"/api/sessions/{id}").status_code == 404


def test_bad_requests_are_told_what_is_wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "MAX_RUNNING", 1)
    with made(folder) as client:
        for source, status, kind in (
            ({"kind": "file", "name": "none.mp4"}, 404, "not_found"),
            ({"kind": "file", "name": "../x.mp4"}, 403, "refused"),
            ({"kind": "rtsp", "name": "rtsp://192.0.2.1/x"}, 403, "refused"),
        ):
            answer = client.post("/api/sessions", json={"source": source})
            assert (answer.status_code, answer.json()["problem"]) == (status, kind)
        asked = {"source": {"kind": "file", "name": "cuts.mp4"}}
        assert client.post("/api/sessions", json={**asked, "profile": "none"}).status_code == 404
        assert client.post("/api/sessions", json={**asked, "pace": "mad"}).status_code == 422
        begin(client, loop=True)
        full = client.post("/api/sessions", json=asked)
        assert full.status_code == 503
        assert "end one of them" in full.json()["detail"]


def test_sources_and_profiles_are_listed(folder: Path) -> None:
    with made(folder, COMMENTARY_HOSTS="camera", COMMENTARY_DEVICES="/dev/video3") as client:
        found = client.get("/api/sources").json()
        assert (found["files"], found["hosts"], found["devices"]) == (
            ["cuts.mp4"],
            ["camera"],
            ["/dev/video3"],
        )
        assert "the dubber does not answer" in found["detail"]
        names = [each["name"] for each in client.get("/api/profiles").json()["profiles"]]
        assert names == ["default", "descriptive", "nature", "security", "sports"]


def seeing(model: StandInModel, **more: str) -> dict[str, str]:
    return {"LLM_BASE_URL": model.address, "VISION_MODEL": "eyes", **more}


def test_a_model_that_sees_is_asked_with_pictures_and_what_people_ask_for(folder: Path) -> None:
    with StandInModel(lambda _: says('"A *red* wall."')) as model, made(folder, **seeing(model)) as client:
        told = events(client, begin(client, profile="descriptive", instruction="only walls", language="de"))
        comments = [each for each in told if each["type"] == "comment"]
        assert [(each["text"], each["describer"], each["language"]) for each in comments] == [
            ("A red wall.", "llm", "de")
        ] * 3
        system, user = model.asked[-1]["messages"]
        assert model.asked[-1]["model"] == "eyes"
        assert "does not see the picture" in system["content"]
        assert "language de" in system["content"]
        pictures = [each["image_url"]["url"] for each in user["content"] if each["type"] == "image_url"]
        assert len(pictures) >= 2
        assert all(each.startswith("data:image/jpeg;base64,/9j/") for each in pictures)
        assert "only walls" in user["content"][-1]["text"]
        assert "SAID BEFORE\nA red wall." in user["content"][-1]["text"]
        assert told[-1]["describer"]["calls"] == 3


def test_a_model_may_say_nothing(folder: Path) -> None:
    with StandInModel(lambda _: says("-")) as model, made(folder, **seeing(model)) as client:
        assert [each for each in events(client, begin(client)) if each["type"] == "comment"] == []
        assert model.asked


@pytest.mark.parametrize("fault", ["down", "wrong", "slow"])
def test_what_is_measured_takes_over_from_a_model_that_fails(
    folder: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tried again where nobody is there, which takes a second or two.
    monkeypatch.setattr(vision_module, "WITHIN", 0.5 if fault == "slow" else 8.0)
    monkeypatch.setattr(vision_module, "FIRST_WAIT", 30.0)
    answer = (401, "{}") if fault == "wrong" else says("late")
    with StandInModel(lambda _: answer, delay=5.0 if fault == "slow" else 0.0) as model:
        where = seeing(model, **({"LLM_BASE_URL": "http://127.0.0.1:9/v1"} if fault == "down" else {}))
        with made(folder, **where) as client:
            told = events(client, begin(client))
    comments = [each for each in told if each["type"] == "comment"]
    assert {each["describer"] for each in comments} == {"scene"}
    said = {"down": "cannot be reached", "wrong": "refuses the key", "slow": "does not answer in time"}[fault]
    assert said in told[-1]["describer"]["detail"]
    assert told[-1]["describer"]["name"] == "scene"


@pytest.mark.parametrize("limit", [{"VISION_MAX_CALLS": "1"}, {"VISION_MAX_COST": "0.0005"}])
def test_a_limit_stops_the_calls(folder: Path, limit: dict[str, str]) -> None:
    with (
        StandInModel(lambda _: says("Something.")) as model,
        made(folder, **seeing(model, **limit)) as client,
    ):
        told = events(client, begin(client))
    describers = [each["describer"] for each in told if each["type"] == "comment"]
    assert describers == ["llm", "scene", "scene"]
    assert f"{next(iter(limit))} is reached" in told[-1]["describer"]["detail"]


def test_a_vision_model_without_an_address_is_told_at_the_start() -> None:
    with pytest.raises(SettingsError, match="VISION_MODEL needs LLM_BASE_URL"):
        load({"VISION_MODEL": "eyes"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("- ", ""),
        ("Nothing.", ""),
        ('"A dog."', "A dog."),
        ("A  dog\nruns.", "A dog runs."),
        ("A dog. " + "It runs on and on. " * 40, None),
    ],
)
def test_what_a_model_says_is_made_fit_to_be_spoken(answer: str, said: str | None) -> None:
    found = clean(answer)
    assert len(found) <= vision_module.LONGEST
    assert found == said if said is not None else found.endswith("on.")
