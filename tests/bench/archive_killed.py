"""Kills api, transcriber or PostgreSQL at random moments of an upload and its recognition, and counts.

`python -m tests.bench.archive_killed --times 20`. Printed; it ends with 1 where anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from tests.integration.archive.conftest import Archive, Owner, speech, text_of

SERVICES = ("api", "transcriber", "db")
LATEST = 5.0
"""Seconds after the beginning of an upload until which something is killed; by then it is done, mostly."""
WITHIN = 90.0
PART = 30_011


def send(owner: Owner, content: bytes) -> str:
    """Uploads in parts, asking where it is whenever something fails; its id."""
    upload = ""
    while True:
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            upload = upload or owner.begun(len(content))
            here = owner.offset(upload)
            while here < len(content):
                answer = owner.patch(upload, here, content[here : here + PART])
                if answer.status_code != 204:
                    break
                here = int(answer.headers["upload-offset"])
            if here == len(content):
                return upload
        time.sleep(0.2)


def wrong(archive: Archive, owner: Owner, upload: str, content: bytes) -> str:
    """What is not as it must be; empty where all is."""
    found = owner.ended(upload, WITHIN)
    words = text_of(found).split()
    pieces = archive.rows("SELECT attempts, done FROM pieces WHERE transcript_id = %s", upload)
    if found["state"] != "done":
        return f"it is {found['state']}: {found['problem']}"
    if archive.checksum(upload) != hashlib.sha256(content).hexdigest():
        return "another file is kept than was sent"
    if (words.count("schools"), words.count("mountains")) != (1, 1):
        return f"it reads: {' '.join(words)}"
    if any(each["attempts"] > 2 or not each["done"] for each in pieces):
        return f"pieces: {pieces}"
    return ""


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.archive_killed", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, bad = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder))
        try:
            archive.wait_healthy()
            for number in range(options.times):
                service, moment = chance.choice(SERVICES), chance.uniform(0.0, LATEST)
                killing = threading.Timer(moment, archive.kill, [service])
                began = time.monotonic()
                killing.start()
                upload = send(archive.one, speech())
                killing.join()
                problem = wrong(archive, archive.one, upload, speech())
                bad += bool(problem)
                took = time.monotonic() - began
                told = problem or "all there, once"
                print(
                    f"{number + 1}: {service} killed after {moment:.1f} s: {told} ({took:.0f} s)", flush=True
                )
                archive.wait_healthy()
            print(f"{options.times} kills, {bad} with something lost or doubled")
        finally:
            archive.stop()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
