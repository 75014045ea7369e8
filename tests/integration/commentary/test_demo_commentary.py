"""`python -m app demo-commentary` against services that run: what is said is scored (COM-2)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests.stack import Stack

LONGEST = 240


def test_a_demo_shows_what_is_said_scores_it_and_leaves_no_session(tmp_path: Path) -> None:
    more = {"TTS_ENGINE": "espeak", "TARGET_LANGUAGES": "es"}
    with Stack(tmp_path, ("dubber", "commentary", "tts"), more) as stack:
        done = subprocess.run(
            [sys.executable, "-m", "app", "demo-commentary", "--quick"],
            check=False,
            cwd=tmp_path,
            env=stack.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        for words in ("already running", "Cut to", "3 of 3, 3 of them rightly", "speech begun"):
            assert words in done.stdout
        assert re.search(r"texts told .*1 of 1, 1 of them rightly", done.stdout)
        left = httpx.get(f"{stack.settings.commentary_address}/api/sessions", trust_env=False).json()
        assert left["sessions"] == []
