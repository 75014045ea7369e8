"""Sales' API, events and sockets: LIV-2, LIV-4 (a call without a recogniser), LIV-5."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.sales import calls as calls_module
from app.sales import listener as listener_module
from app.sales.event_log import EventLog
from app.sales.messages import PartialEvent, SegmentEvent, StateEvent
from app.sales.service import create
from app.settings import load
from tests.unit.sales.stand_in_live import Connection, stand_in_live
from tests.unit.sales.stand_in_model import wait_until

RATE = 16_000
SECOND = np.zeros(RATE, "<i2").tobytes()
UNREACHABLE = {
    "WHISPER_PORT": "9",
    "RECONNECT_DELAY": "0.02",
    "MAX_RECONNECT_DELAY": "0.05",
    "ALLOWED_HOSTS": "testserver",
    "CALLS_KEPT_DAYS": "0",
}


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Sales without a live."""
    with TestClient(create(load(UNREACHABLE))) as client:
        yield client


def new(client: TestClient, **asked: Any) -> str:
    answer = client.post("/calls", json=asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def say(client: TestClient, call: str, text: str, start: float = 0.0, channel: str = "call") -> None:
    document = {"channel": channel, "start": start, "end": start + 2, "text": text}
    answer = client.post(f"/calls/{call}/text", json=document)
    assert answer.status_code == 201, answer.text


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def test_a_call_from_text_has_its_segments_objections_answers_and_events(client: TestClient) -> None:
    call = new(client, title="First", channels=["seller", "customer"])
    say(client, call, "our price is forty dollars", 0, "seller")
    say(client, call, "that is too expensive for us", 3, "customer")
    say(client, call, "really it is far too expensive", 6, "customer")
    whole = client.get(f"/calls/{call}").json()
    assert whole["segments"][0]["text"] == "our price is forty dollars"
    (objection,) = whole["objections"]
    assert (objection["kind"], objection["channel"], objection["engine"]) == ("price", "customer", "rules")
    assert 3 <= objection["start"] < objection["end"] <= 5
    assert 1 <= len(objection["answers"]) <= 3
    assert client.post(f"/calls/{call}/end").json()["state"] == "ended"
    kinds = [each["type"] for each in events(client.get(f"/calls/{call}/events").text)]
    assert kinds == ["state", "state", "segment", "segment", "objection", "segment", "state"]


def test_a_listener_that_comes_back_gets_what_it_missed_and_nothing_twice(client: TestClient) -> None:
    call = new(client)
    for number in range(5):
        say(client, call, f"sentence {number}", number)
    client.post(f"/calls/{call}/end")
    text = client.get(f"/calls/{call}/events", headers={"Last-Event-ID": "4"}).text
    assert [each.get("text") for each in events(text)[1:]] == ["sentence 3", "sentence 4", None]
    assert text.count("id: 5") == 1
    with client.websocket_connect(f"/calls/{call}/events?since=5") as socket:
        told = [json.loads(socket.receive_text()) for _ in range(3)]
    assert [each["type"] for each in told] == ["state", "segment", "state"]


def test_exports_hold_everything_and_no_cell_is_a_formula(client: TestClient) -> None:
    call = new(client, title="=cmd()")
    say(client, call, "=1+1 and it is too expensive")
    document = client.get(f"/calls/{call}/export").json()
    assert document["title"] == "=cmd()"
    assert "! price" in client.get(f"/calls/{call}/export?format=txt").text
    table = client.get(f"/calls/{call}/export?format=csv")
    assert "attachment" in table.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["what"] for row in rows] == ["said", "objection"]
    assert rows[0]["text"].startswith("'=1+1")
    assert client.get(f"/calls/{call}/export?format=exe").status_code == 422


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        ("/calls", {"channels": ["customer"]}, 422),
        ("/calls", {"channels": ["seller", "seller"]}, 422),
        ("/calls", {"language": "English"}, 422),
        ("/calls", {"titel": "x"}, 422),
        ("/calls/{call}/text", {"start": 2, "end": 1, "text": "x"}, 422),
        ("/calls/{call}/text", {"start": 0, "end": 1, "text": "  "}, 422),
        ("/calls/{call}/text", {"start": 0, "end": 1, "text": "x" * 2001}, 422),
        ("/calls/{call}/text", {"start": 0, "end": 1, "text": "x", "channel": "seller"}, 409),
        ("/calls/0123456789abcdef/text", {"start": 0, "end": 1, "text": "x"}, 404),
        ("/calls/{call}/summary", {}, 409),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, path: str, document: Any, status: int) -> None:
    answer = client.post(path.format(call=new(client)), json=document)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_request_that_is_too_large_is_refused_whatever_length_it_announces(client: TestClient) -> None:
    json_type = {"content-type": "application/json"}
    assert client.post("/calls", content=b" " * 100_000, headers=json_type).status_code == 413
    chunks = (b" " * 8192 for _ in range(20))
    assert client.post("/calls", content=chunks, headers=json_type).status_code == 413
    assert client.post("/calls", json={}).status_code == 201


def test_a_call_that_is_over_takes_nothing_more_and_one_that_is_removed_is_gone(client: TestClient) -> None:
    call = new(client)
    client.post(f"/calls/{call}/end")
    assert client.post(f"/calls/{call}/text", json={"start": 0, "end": 1, "text": "x"}).status_code == 409
    assert client.delete(f"/calls/{call}").status_code == 204
    assert client.get(f"/calls/{call}").status_code == 404
    assert client.delete(f"/calls/{call}").status_code == 404


def test_old_calls_make_room_and_running_ones_do_not(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "MAX_CALLS", 3)
    kept = [new(client) for _ in range(3)]
    full = client.post("/calls", json={})
    assert full.status_code == 503
    assert full.headers["retry-after"]
    client.post(f"/calls/{kept[1]}/end")
    newest = new(client)
    assert [each["id"] for each in client.get("/calls").json()["calls"]] == [newest, kept[2], kept[0]]


def test_a_call_that_everybody_left_without_a_word_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "LOOK_ROUND", 0.02)
    monkeypatch.setattr(calls_module, "IDLE_ENDS", 0.1)
    with TestClient(create(load(UNREACHABLE))) as client:
        call = new(client)
        wait_until(lambda: client.get(f"/calls/{call}").json()["state"] == "ended", "the end of the call")


def test_a_service_that_stops_does_not_wait_for_a_live_that_never_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Did it wait for the last words, this test would not end.
    monkeypatch.setattr(listener_module, "FLUSH_WITHIN", 3600.0)
    monkeypatch.setattr(calls_module, "STOP_WITHIN", 0.1)
    with TestClient(create(load(UNREACHABLE))) as client:
        call = new(client)
        with client.websocket_connect(f"/calls/{call}/audio") as sound:
            sound.send_bytes(SECOND)
            wait_until(lambda: bool(client.get(f"/calls/{call}").json()["detail"]), "a lost connection")
        assert client.get(f"/calls/{call}").json()["state"] == "reconnecting"


def segment(id: int) -> SegmentEvent:
    return SegmentEvent(id=id, channel="call", start=id, end=id + 1, text=str(id))


def test_a_listener_that_sleeps_holds_nobody_up_and_goes_on_from_the_oldest_kept_event() -> None:
    async def check() -> list[str]:
        log = EventLog(size=10)
        slow = log.follow(0, StateEvent(state="listening"))
        await anext(slow)
        for id in range(1000):
            log.tell(segment(id))
            log.tell(PartialEvent(channel="call", text=f"partial {id}", start=0, end=1))
        log.close()
        return [entry.data async for entry in slow]

    told = [json.loads(data) for data in asyncio.run(check())]
    assert [each["id"] for each in told if each["type"] == "segment"] == list(range(990, 1000))
    assert [each["text"] for each in told if each["type"] == "partial"] == ["partial 999"]


def with_live(port: int, **extra: str) -> TestClient:
    return TestClient(create(load({**UNREACHABLE, "WHISPER_PORT": str(port), **extra})))


def test_sound_goes_to_live_and_its_words_come_back_in_the_time_of_the_call() -> None:
    def script(live: Connection) -> None:
        live.ready()
        live.hear(2 * RATE)
        live.say(0.5, 1.0, " the price", completed=False)
        live.say(0.5, 2.0, " the price is too high")
        live.hear_the_end()
        live.say(2.0, 2.9, " goodbye")

    with (
        stand_in_live(script) as (port, keys),
        with_live(port, API_KEYS="secret", WHISPER_MODEL="m") as client,
    ):
        call = new(client)
        with (
            client.websocket_connect(f"/calls/{call}/events") as follower,
            client.websocket_connect(f"/calls/{call}/audio?channel=call&format=int16") as sound,
        ):
            for _ in range(3):
                sound.send_bytes(SECOND)
            wait_until(lambda: bool(client.get(f"/calls/{call}").json()["objections"]), "an objection")
            sound.send_text("END_OF_AUDIO")
            with pytest.raises(WebSocketDisconnect):
                sound.receive_text()
            told: list[dict[str, Any]] = []
            while not told or told[-1].get("state") != "ended":
                told.append(json.loads(follower.receive_text()))
        whole = client.get(f"/calls/{call}").json()
        assert keys == ["Bearer secret"]
        assert [each["text"] for each in whole["segments"]] == ["the price is too high", "goodbye"]
        assert whole["state"] == "ended"
        assert whole["dropped"] == 0
        assert whole["segments"][0]["end"] - whole["segments"][0]["start"] == pytest.approx(1.5)
        # The newest partial of a channel takes the place of those before it: only the last is certain.
        assert [each["text"] for each in told if each["type"] == "partial"][-1] == ""


def test_a_lost_live_is_told_found_again_and_costs_no_words() -> None:
    def script(live: Connection) -> None:
        live.ready()
        if live.number == 1:
            live.hear(2 * RATE)
            live.say(0.0, 1.0, " first")
            return
        live.hear_the_end()
        live.say(0.0, live.samples / RATE, f" heard {live.samples / RATE:g} s again")

    with stand_in_live(script) as (port, _), with_live(port) as client:
        call = new(client)
        with client.websocket_connect(f"/calls/{call}/audio") as sound:
            sound.send_bytes(SECOND)
            sound.send_bytes(SECOND)
            wait_until(lambda: len(client.get(f"/calls/{call}").json()["segments"]) == 1, "the first words")
            sound.send_bytes(SECOND)
            sound.send_bytes(b"END_OF_AUDIO")
            with pytest.raises(WebSocketDisconnect):
                sound.receive_text()
        whole = client.get(f"/calls/{call}").json()
        assert [each["text"] for each in whole["segments"]] == ["first", "heard 2 s again"]
        begun = whole["segments"][0]["start"]
        assert whole["segments"][1]["start"] == pytest.approx(begun + 1.0)
        states = [
            each["state"]
            for each in events(client.get(f"/calls/{call}/events").text)[1:]
            if each["type"] == "state"
        ]
        assert states[:3] == ["listening", "reconnecting", "listening"]


def test_where_live_cannot_be_reached_the_state_says_so_and_sound_is_bounded(client: TestClient) -> None:
    call = new(client)
    with client.websocket_connect(f"/calls/{call}/audio") as sound:
        for _ in range(40):
            for _ in range(5):
                sound.send_bytes(SECOND)
        wait_until(lambda: client.get(f"/calls/{call}").json()["dropped"] > 100, "dropped sound")
        view = client.get(f"/calls/{call}").json()
        assert view["state"] == "reconnecting"
        assert "live cannot be reached" in view["detail"]
    client.delete(f"/calls/{call}")


@pytest.mark.parametrize(
    ("query", "frame", "code"),
    [
        ("channel=nobody", b"", 1008),
        ("format=mp3", b"", 1008),
        ("rate=1", b"", 1008),
        ("rate=x", b"", 1008),
        ("format=int16", b"123", 1003),
        ("format=float32", b"123456", 1003),
        ("", "hello", 1003),
        ("", b"12" * 200_000, 1009),
    ],
)
def test_sound_that_makes_no_sense_is_refused_with_a_reason(
    client: TestClient, query: str, frame: bytes | str, code: int
) -> None:
    call = new(client)
    with client.websocket_connect(f"/calls/{call}/audio?{query}") as sound:
        if frame:
            sound.send_text(frame) if isinstance(frame, str) else sound.send_bytes(frame)
        with pytest.raises(WebSocketDisconnect) as closed:
            sound.receive_text()
    assert closed.value.code == code
    assert closed.value.reason
    client.delete(f"/calls/{call}")


def test_a_channel_has_one_source_at_a_time(client: TestClient) -> None:
    call = new(client)
    with client.websocket_connect(f"/calls/{call}/audio") as first:
        first.send_bytes(SECOND)
        with client.websocket_connect(f"/calls/{call}/audio") as second:
            with pytest.raises(WebSocketDisconnect) as closed:
                second.receive_text()
            assert "source already" in closed.value.reason
        client.delete(f"/calls/{call}")


def test_a_source_that_comes_while_the_one_before_it_is_still_heard_is_not_ended_by_it() -> None:
    heard, go_on = threading.Event(), threading.Event()

    def script(live: Connection) -> None:
        live.ready()
        live.hear_the_end()
        heard.set()
        assert go_on.wait(10)
        live.say(0.0, 1.0, f" number {live.number}")

    with stand_in_live(script) as (port, _), with_live(port) as client:
        call = new(client)
        with client.websocket_connect(f"/calls/{call}/audio") as first:
            first.send_bytes(SECOND)
            first.send_text("END_OF_AUDIO")
            assert heard.wait(10)
            with client.websocket_connect(f"/calls/{call}/audio") as second:
                second.send_bytes(SECOND)
                go_on.set()
                with pytest.raises(WebSocketDisconnect):
                    first.receive_text()
                assert client.get(f"/calls/{call}").json()["state"] == "listening"
                second.send_text("END_OF_AUDIO")
                with pytest.raises(WebSocketDisconnect):
                    second.receive_text()
        whole = client.get(f"/calls/{call}").json()
    assert [each["text"] for each in whole["segments"]] == ["number 1", "number 2"]
    assert whole["state"] == "ended"


def test_a_call_that_is_ending_takes_no_more_sources() -> None:
    heard, go_on = threading.Event(), threading.Event()

    def script(live: Connection) -> None:
        live.ready()
        live.hear_the_end()
        heard.set()
        assert go_on.wait(10)

    with stand_in_live(script) as (port, _), with_live(port) as client, ThreadPoolExecutor(1) as pool:
        call = new(client)
        with client.websocket_connect(f"/calls/{call}/audio") as first:
            first.send_bytes(SECOND)
            ending = pool.submit(client.post, f"/calls/{call}/end")
            assert heard.wait(10)
            with (
                client.websocket_connect(f"/calls/{call}/audio") as second,
                pytest.raises(WebSocketDisconnect) as closed,
            ):
                second.receive_text()
            assert closed.value.reason == "the call is over"
            go_on.set()
            assert ending.result(10).json()["state"] == "ended"


def test_a_live_that_wants_its_place_back_is_asked_again_when_there_is_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "CROSSED", 0.0)
    left = threading.Event()

    def script(live: Connection) -> None:
        live.ready()
        if live.number == 1:
            live.hear(RATE)
            live.say(0.0, 0.5, " first")
            live.socket.send(json.dumps({"message": "DISCONNECT", "reason": "idle"}))
            live.socket.close()
            left.set()
            return
        live.hear_the_end()
        live.say(0.0, live.samples / RATE, f" heard {live.samples / RATE:g} s")

    with stand_in_live(script) as (port, keys), with_live(port) as client:
        call = new(client)
        with client.websocket_connect(f"/calls/{call}/audio") as sound:
            sound.send_bytes(SECOND)
            assert left.wait(10)
            wait_until(lambda: bool(client.get(f"/calls/{call}").json()["segments"]), "the first words")
            assert len(keys) == 1
            sound.send_bytes(SECOND)
            wait_until(lambda: len(keys) == 2, "live asked again")
            sound.send_text("END_OF_AUDIO")
            with pytest.raises(WebSocketDisconnect):
                sound.receive_text()
        whole = client.get(f"/calls/{call}").json()
        assert [each["text"] for each in whole["segments"]] == ["first", "heard 1 s"]
        told = events(client.get(f"/calls/{call}/events").text)
        assert "reconnecting" not in [each.get("state") for each in told]
