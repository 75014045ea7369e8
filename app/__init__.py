"""Voicestack: live speech that you host yourself."""

import os

__version__ = "0.1.0"

# onnxruntime tells its maker of every use, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
