"""A spoken call through the real live and sales, as the demo plays it (LIV-2, LIV-4)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.stack import ROOT, free_ports, inherited

LONGEST = 300
LEAST = 6


def test_a_spoken_call_shows_its_objections(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo-sales", "--output", str(tmp_path / "out")],
        cwd=tmp_path,
        env={**inherited(), **free_ports(), "DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    told = re.search(r"(\d) of 9 planted objections found, (\d) not planted", done.stdout.replace("\n", " "))
    assert told is not None, done.stdout
    assert int(told[1]) >= LEAST
    assert int(told[2]) <= 1
