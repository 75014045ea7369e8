"""Without a language model a clean-up is refused with what to set. (TRN-4)"""

from __future__ import annotations

from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from app.api.service import create
from app.llm.configured import named
from app.settings import load


def test_without_a_model_it_says_what_to_set() -> None:
    client = TestClient(create(load({})), base_url="http://127.0.0.1")
    answer = client.post(f"/api/v1/transcripts/{UUID(int=7)}/cleanup")
    assert answer.status_code == 409
    assert "LLM_BASE_URL" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("given", "is_named"),
    [
        ({}, False),
        ({"LLM_MODEL": "m"}, False),
        ({"LLM_BASE_URL": "http://127.0.0.1:11434/v1"}, False),
        ({"LLM_BASE_URL": "http://127.0.0.1:11434/v1", "LLM_MODEL": "m"}, True),
        ({"OPENROUTER_API_KEY": "k", "LLM_MODEL": "m"}, True),
    ],
)
def test_a_model_needs_a_name_and_an_address(given: dict[str, str], is_named: bool) -> None:
    assert named(load(given)) is is_named
