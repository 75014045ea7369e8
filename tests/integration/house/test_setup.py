"""Setup on a machine that has been set up."""

from __future__ import annotations

import subprocess
import sys

from tests.stack import ROOT


def test_setup_says_nothing_where_nothing_is_missing() -> None:
    command = [sys.executable, "-m", "tools.setup", "--with", "dev"]
    # The first run may have something to do, where the tests were not started by `make test`.
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    second = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert (second.stdout, second.stderr) == ("", "")
