"""`python -m tests.rehearsal`: production on this machine, on hosts behind an AWS emulator, until Ctrl-C.

Nobody needs an account for it. While it stands, `make smoke STACK=rehearsal` looks at it from another
terminal: out/rehearsal.env tells it how.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.rehearsal.hosts.rehearsal import SECRETS, SETTINGS, Rehearsal, rehearsal
from tests.stack import ROOT

UP = ("pulumi", "up", "--yes", "--skip-preview")
FILE = ROOT / "out" / "rehearsal.env"


def environment(made: Rehearsal) -> str:
    """What somebody else needs to look at it, for a shell."""
    given = {**made.emulator.environment, "PYTEST_ADDOPTS": shlex.join(made.ways_in)}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in given.items())


def main() -> int:
    """Brings it up, says where it is, and takes it away again. The exit status is that of `pulumi up`."""
    ending = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: ending.set())
    FILE.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="voicestack-rehearsal-") as folder,
        rehearsal(Path(folder)) as made,
    ):
        print(f"production is made on the emulator at {made.emulator.url}, from {made.production.folder}")
        print("pulumi up:", flush=True)
        began = time.monotonic()
        done = subprocess.run(UP, cwd=made.production.folder, env=made.production.environment, check=False)
        if done.returncode != 0:
            return done.returncode
        user, password = SETTINGS["MEDIA_PUBLISH_USER"], SECRETS["MEDIA_PUBLISH_PASSWORD"]
        FILE.write_text(environment(made), encoding="utf-8")
        print(f"all hosts are healthy after {time.monotonic() - began:.0f} s:")
        print(f"  console      http://{made.address('streaming')}:4200")
        print(f"  publish to   rtmp://{made.address('streaming')}:1935/live/NAME")
        print(f"               as {user} with the password {password}")
        print("  look at it   make smoke STACK=rehearsal, in another terminal")
        print("Ctrl-C takes it away.", flush=True)
        ending.wait()
        print("taking it away …", flush=True)
    FILE.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
