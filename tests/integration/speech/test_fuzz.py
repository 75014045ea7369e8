"""Whatever fits the OpenAPI documents, or doesn't: no server error, and answers as documented. (SPK-6)"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.stack import ROOT, Stack

SECONDS = 60


@pytest.mark.parametrize("service", ["asr", "tts"])
def test_no_request_brings_a_service_down(tmp_path: Path, service: str) -> None:
    with Stack(tmp_path, (service,), {"LOG_LEVEL": "warning"}) as running:
        address = f"http://127.0.0.1:{getattr(running.settings, f'{service}_port')}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
                *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
                *(
                    "--include-path-regex",
                    "^/v1",
                    "--phases",
                    "fuzzing",
                    "--max-examples",
                    "25",
                    "--max-failures",
                    "3",
                ),
                *("--generation-deterministic", "--no-color", "--request-timeout", "30"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=SECONDS * 3,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert httpx.get(f"{address}/health", trust_env=False).json()["status"] == "ok"
