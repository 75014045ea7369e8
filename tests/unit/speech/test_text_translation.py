"""A text translated over HTTP, by the translators of the dubs (COM-7)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.settings import load
from app.speech.sts.service import create
from tests.unit.sales.stand_in_model import wait_until

PATH = "/v1/translations/text"


@pytest.fixture(scope="module")
def sts() -> Iterator[TestClient]:
    """A real sts with light engines and a key."""
    settings = {"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak", "API_KEYS": "a-key-for-this-test"}
    with TestClient(create(load({**settings, "ALLOWED_HOSTS": "testserver"}))) as client:
        assert client.post(PATH, json={}).status_code == 401
        client.headers["authorization"] = "Bearer a-key-for-this-test"
        wait_until(lambda: client.get("/health").json()["status"] == "ok", "sts is ready")
        yield client


def test_a_text_is_translated(sts: TestClient) -> None:
    answer = sts.post(PATH, json={"text": "The picture changes.", "source": "en", "target": "es"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["translator"] == "apertium"
    assert "cambios" in answer.json()["text"].lower()


@pytest.mark.parametrize(
    ("wishes", "status", "words"),
    [
        ({"target": "ja"}, 400, "no translator for en-ja; there are: "),
        ({"target": "Spanish"}, 422, "target"),
        ({"text": " "}, 422, "text"),
        ({"text": "a" * 2001}, 422, "text"),
        ({"more": 1}, 422, "more"),
    ],
)
def test_what_cannot_be_translated_is_told(
    sts: TestClient, wishes: dict[str, object], status: int, words: str
) -> None:
    answer = sts.post(PATH, json={"text": "Hello.", "source": "en", "target": "es", **wishes})
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
