"""A whole call without a recogniser, as the demo plays it (LIV-4), and odd requests in numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.sales.service import create
from app.settings import load
from tests.stack import ROOT, free_ports, known_names

LONGEST = 120
EXAMPLES = 40


def test_a_call_as_text_finds_every_planted_objection_and_leaves_nothing_running(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if name not in known_names()}
    ports = free_ports()
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo-sales", "--text", "--output", str(tmp_path / "out")],
        cwd=tmp_path,
        env={**inherited, **ports, "DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)},
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
    schemathesis.openapi.from_asgi(
        "/openapi.json", create(load({"WHISPER_PORT": "9", "OBJECTION_ENGINE": "rules"}))
    )
    .include(path_regex="^/calls")
    .exclude(path_regex="/events$")
)


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_odd_requests_are_answered_as_the_description_says(case: schemathesis.Case) -> None:
    answer: Response = case.call()
    assert answer.status_code < 500 or answer.status_code == 503
    case.validate_response(
        answer, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
    )
