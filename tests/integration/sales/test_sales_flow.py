"""A whole call without a recogniser, as the demo plays it (LIV-4), and odd requests in numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.websockets import WebSocketDisconnect

from app.sales.service import create
from app.settings import load
from tests.stack import ROOT, free_ports, inherited

LONGEST = 120
# Nothing listens there.
UNHEARD = load(
    {
        "WHISPER_PORT": "9",
        "OBJECTION_ENGINE": "rules",
        "ALLOWED_HOSTS": "testserver",
        "CALLS_KEPT_DAYS": "0",
    }
)


def test_a_call_as_text_finds_every_planted_objection_and_leaves_nothing_running(tmp_path: Path) -> None:
    ports = free_ports()
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo-sales", "--text", "--output", str(tmp_path / "out")],
        cwd=tmp_path,
        env={**inherited(), **ports, "DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "9 of 9 planted objections found, 0 not planted" in done.stdout.replace("\n", " ")
    try:
        answer = httpx.get(f"http://127.0.0.1:{ports['SALES_PORT']}/health", trust_env=False, timeout=2)
    except httpx.HTTPError:
        return
    raise AssertionError(f"sales still runs: {answer.text}")


schema = (
    schemathesis.openapi.from_asgi("/openapi.json", create(UNHEARD))
    .include(path_regex="^/calls")
    .exclude(path_regex="/events$")
)


@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck))
def test_odd_requests_are_answered_as_the_description_says(case: schemathesis.Case[Any]) -> None:
    answer: Response = case.call()
    assert answer.status_code < 500 or answer.status_code == 503
    case.validate_response(
        answer, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
    )


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create(UNHEARD)) as client:
        yield client


@settings(suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["", "?format=float32", "?format=int16&rate=8000", "?channel=seller", "?rate=x"]),
    st.lists(st.binary(max_size=2000) | st.text(max_size=100), max_size=8),
)
def test_random_frames_are_taken_or_refused_and_harm_nobody(
    client: TestClient, query: str, frames: list[bytes | str]
) -> None:
    call = client.post("/calls", json={}).json()["id"]
    try:
        with client.websocket_connect(f"/calls/{call}/audio{query}") as sound:
            for frame in frames:
                sound.send_text(frame) if isinstance(frame, str) else sound.send_bytes(frame)
            sound.send_text("END_OF_AUDIO")
            # What could not be heard is waited for: whoever deletes the call ends that.
            client.delete(f"/calls/{call}")
            with pytest.raises(WebSocketDisconnect) as closed:
                sound.receive_text()
        assert closed.value.code in (1000, 1003, 1008, 1009)
    finally:
        client.delete(f"/calls/{call}")
    assert client.get("/calls").json()["calls"] == []
