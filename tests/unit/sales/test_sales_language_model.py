"""Objections by a language model, against a stand-in server: LIV-3, LIV-5."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.sales.messages import Segment
from app.sales.model_answer import BadAnswer, read
from app.sales.service import create
from app.settings import load
from app.settings.rules import SettingsError
from tests.unit.sales.stand_in_model import Answer, StandInModel, objections, says, wait_until

KEY = "sk-secret-of-the-test"
SAID = "we would rather stay where the others are"
TRUST = {
    "kind": "trust",
    "quote": SAID,
    "confidence": 0.8,
    "smokescreen": True,
    "answers": ["a", "b", "c", "d"],
}
SPEEDY = {"BUFFER_TIME_THRESHOLD": "0.05", "LLM_TIMEOUT": "3"}


@contextmanager
def sales(model: StandInModel, **extra: str) -> Iterator[TestClient]:
    """Sales with that model, its rules out of the way unless asked for."""
    chosen = {
        "LLM_BASE_URL": model.address,
        "LLM_MODEL": "m",
        "LLM_API_KEY": KEY,
        "OBJECTION_ENGINE": "llm",
        "CALLS_KEPT_DAYS": "0",
        **SPEEDY,
        "ALLOWED_HOSTS": "testserver",
        **extra,
    }
    with TestClient(create(load(chosen))) as client:
        yield client


def say(client: TestClient, text: str, call: str = "") -> str:
    """Says something in a call (a new one without an id); returns its id."""
    call = call or client.post("/calls", json={}).json()["id"]
    client.post(f"/calls/{call}/text", json={"start": 1, "end": 3, "text": text}).raise_for_status()
    return call


def found(client: TestClient, call: str) -> list[dict[str, Any]]:
    """The objections of a call so far."""
    return list(client.get(f"/calls/{call}").json()["objections"])


def test_what_a_model_sees_is_told_with_its_words_its_answers_and_whether_it_is_a_smokescreen() -> None:
    with StandInModel(lambda _: objections(TRUST)) as model, sales(model) as client:
        call = say(client, SAID)
        wait_until(lambda: bool(found(client, call)), "an objection")
        (objection,) = found(client, call)
        assert (objection["kind"], objection["engine"], objection["smokescreen"]) == ("trust", "llm", True)
        assert objection["answers"] == ["a", "b", "c"]
        assert model.asked[0]["response_format"]["type"] == "json_schema"
        assert model.keys[0] == f"Bearer {KEY}"
        metrics = client.get("/metrics").text
        assert 'voicestack_sales_llm_calls_total{outcome="answered"} 1.0' in metrics
        assert "voicestack_sales_llm_cost_dollars_total 0.001" in metrics


def test_the_last_words_are_looked_at_before_a_call_ends() -> None:
    with (
        StandInModel(lambda _: objections(TRUST)) as model,
        sales(model, BUFFER_TIME_THRESHOLD="600") as client,
    ):
        call = say(client, SAID)
        client.post(f"/calls/{call}/end")
        assert [each["kind"] for each in found(client, call)] == ["trust"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: (500, "{}"), "answered 500"),
        (lambda _: (401, json.dumps({"error": {"message": f"bad key {KEY}"}})), "refuses the key"),
        (lambda _: (429, "{}"), "429"),
        (lambda _: (200, "<html>"), "cannot be read"),
        (lambda _: (200, json.dumps({"choices": []})), "no list of objections"),
        (lambda _: says("I see no JSON here, sorry"), "no list of objections"),
        (lambda _: says('{"objections": "none"}'), "no list of objections"),
    ],
)
def test_where_the_model_fails_the_rules_look_and_the_state_says_so_without_the_key(
    answer: Answer, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with StandInModel(answer) as model, sales(model) as client:
        call = say(client, "this is too expensive for us")
        wait_until(lambda: bool(found(client, call)), "an objection", 15)
        assert [(each["kind"], each["engine"]) for each in found(client, call)] == [("price", "rules")]
        detail = client.get(f"/calls/{call}").json()["detail"]
        assert reason in detail
        assert "found by rules" in detail
        assert "voicestack_sales_llm_fallbacks_total 1.0" in client.get("/metrics").text
        assert KEY not in detail + caplog.text


def test_a_model_that_is_too_slow_is_given_up() -> None:
    with (
        StandInModel(lambda _: objections(TRUST), delay=30) as model,
        sales(model, LLM_TIMEOUT="0.2") as client,
    ):
        call = say(client, "this is too expensive for us")
        wait_until(lambda: bool(found(client, call)), "an objection")
        assert found(client, call)[0]["engine"] == "rules"
        assert "in time" in client.get(f"/calls/{call}").json()["detail"]


def test_a_server_without_structured_output_is_asked_without_it() -> None:
    def answer(asked: dict[str, Any]) -> tuple[int, str]:
        if "response_format" in asked:
            return 400, json.dumps({"error": {"message": "response_format is not supported"}})
        return says(f"Sure!\n```json\n{json.dumps({'objections': [TRUST]})}\n```\nHope it helps.")

    with StandInModel(answer) as model, sales(model) as client:
        call = say(client, SAID)
        wait_until(lambda: bool(found(client, call)), "an objection")
        say(client, SAID, call)
        wait_until(lambda: len(model.asked) == 3, "a second question")
        assert ["response_format" in asked for asked in model.asked] == [True, False, False]


def test_with_auto_rules_are_told_at_once_and_the_model_repeats_nothing_but_adds() -> None:
    both = "it is too expensive and we would rather stay where the others are"
    price = {**TRUST, "kind": "price", "quote": "it is too expensive"}

    with (
        StandInModel(lambda _: objections(price, TRUST)) as model,
        sales(model, OBJECTION_ENGINE="auto", BUFFER_TIME_THRESHOLD="600") as client,
    ):
        call = say(client, both)
        assert [(each["kind"], each["engine"]) for each in found(client, call)] == [("price", "rules")]
        client.post(f"/calls/{call}/end")
        told = [(each["kind"], each["engine"]) for each in found(client, call)]
        assert told == [("price", "rules"), ("trust", "llm")]


def test_a_summary_is_streamed_as_it_is_written() -> None:
    with StandInModel(lambda _: says("The customer finds it dear.")) as model, sales(model) as client:
        call = say(client, SAID)
        text = client.post(f"/calls/{call}/summary").text
        words = [
            json.loads(line[6:])["text"] for line in text.splitlines() if line.startswith('data: {"text"')
        ]
        assert "".join(words).strip() == "The customer finds it dear."
        assert "event: done" in text
        assert SAID in json.dumps(model.asked[-1]["messages"])


def test_a_summary_that_breaks_off_says_why() -> None:
    with StandInModel(lambda _: (401, "{}")) as model, sales(model) as client:
        call = say(client, SAID)
        assert "refuses the key" in client.post(f"/calls/{call}/suggestion").text


def test_without_a_model_a_summary_is_refused_with_what_to_set() -> None:
    with TestClient(create(load({"CALLS_KEPT_DAYS": "0"})), "http://localhost") as client:
        call = say(client, SAID)
        answer = client.post(f"/calls/{call}/summary")
        assert answer.status_code == 409
        assert "LLM_BASE_URL" in answer.json()["detail"]


def test_the_engine_llm_without_a_model_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="LLM_MODEL"):
        load({"OBJECTION_ENGINE": "llm"})


def segment(text: str, channel: Any = "customer") -> Segment:
    return Segment(id=1, channel=channel, start=0, end=1, text=text)


def test_quotes_that_nobody_said_are_left_out() -> None:
    answer = json.dumps({"objections": [TRUST, {**TRUST, "quote": "you are all liars and thieves"}]})
    assert [each.quote for each in read(answer, [segment(SAID)])] == [SAID]


def test_what_a_seller_says_is_no_objection() -> None:
    assert read(json.dumps({"objections": [TRUST]}), [segment(SAID, "seller")]) == []


@pytest.mark.parametrize("kind", ["Brush-Off", "brush_off", "brushoff", "BRUSH OFF"])
def test_kinds_are_understood_however_they_are_spelt(kind: str) -> None:
    answer = json.dumps([{**TRUST, "kind": kind, "confidence": 80}])
    assert [(each.kind, each.confidence) for each in read(answer, [segment(SAID)])] == [("brush-off", 0.8)]


@pytest.mark.parametrize("answer", ["", "none", "[1, 2]", "{", '{"objections": 3}', "[" * 5000])
def test_an_answer_without_a_list_is_bad(answer: str) -> None:
    with pytest.raises(BadAnswer):
        read(answer, [segment(SAID)])


def test_without_a_model_its_client_is_not_even_loaded() -> None:
    code = "import sys, app.sales.service as s; s.create(s.Settings()); print('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
