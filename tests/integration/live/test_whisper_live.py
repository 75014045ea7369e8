"""WhisperLive's unmodified client against live."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from app.speech.guards import plain
from tests.bench.word_error import errors
from tests.integration.live.conftest import HERE, SENTENCES
from tests.stack import Stack

LONGEST = 120


def test_its_client_writes_every_word_of_a_file_into_its_subtitles_once(
    live: Stack, whisper_live: dict[str, str], sound_file: Path, tmp_path: Path
) -> None:
    srt = tmp_path / "said.srt"
    done = subprocess.run(
        [sys.executable, str(HERE / "whisper_live_client.py"), str(live.settings.live_port),
         str(sound_file), str(srt)],
        env=whisper_live, cwd=tmp_path, capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in srt.read_text(encoding="utf-8").splitlines() if re.search("[a-z]", line)]
    heard, said = plain(" ".join(lines)).split(), plain(" ".join(SENTENCES)).split()
    # The recogniser may take a word for another; none is lost or told twice.
    assert len(heard) == len(said), done.stdout + live.logs()
    assert errors(said, heard) <= 1, done.stdout + live.logs()
