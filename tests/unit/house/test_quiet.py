"""Speech that people host themselves tells nobody of it."""

from __future__ import annotations

import os
import subprocess
import sys


def test_onnxruntime_is_told_to_tell_nobody_unless_somebody_wants_it() -> None:
    def told(**variables: str) -> str:
        inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        return subprocess.run(
            [sys.executable, "-c", "import app, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"],
            env={**inherited, **variables}, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    assert told() == "1"
    assert told(ORT_DISABLE_TELEMETRY="0") == "0"
