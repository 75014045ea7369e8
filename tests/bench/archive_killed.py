"""Kills api, transcriber and PostgreSQL at random moments of uploads and their recognition, and counts.

`python -m tests.bench.archive_killed --kills 200`. In each round some files are uploaded at once, in parts
that go on after every error; api and one of the others are killed meanwhile, each once. Printed; it ends with
1 where anything was lost or doubled, or a piece was begun more than twice.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from tests.integration.archive.conftest import KEYS, Archive, Owner, speech, spread_out, text_of

TOGETHER = 3
"""Uploads of a round."""
LATEST = 8.0
"""Seconds after a round's beginning until which something is killed; adapted so that most kills hit."""
WITHIN = 300.0
PART = 100_003
PLACES = (1, 7, 13)
UNFINISHED = ("arriving", "queued", "working")


@functools.cache
def files() -> list[tuple[bytes, Counter[str]]]:
    """Files, and how often two words are said in each."""
    return [
        (speech(), Counter(schools=1, mountains=1)),
        (spread_out(20, PLACES), Counter(schools=len(PLACES))),
    ]


@dataclass
class Sent:
    """An upload while it is sent."""

    owner: Owner
    content: bytes
    said: Counter[str]
    upload: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)

    def send(self) -> None:
        """In parts, asking where it is whenever something fails."""
        while not self.arrived.is_set():
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                self.upload = self.upload or self.owner.begun(len(self.content))
                here = self.owner.offset(self.upload)
                while here < len(self.content):
                    answer = self.owner.patch(self.upload, here, self.content[here : here + PART])
                    if answer.status_code != 204:
                        break
                    here = int(answer.headers["upload-offset"])
                if here == len(self.content):
                    self.arrived.set()
                    return
            time.sleep(0.1)

    def wrong(self, archive: Archive) -> str:
        """What is not as it must be; empty where all is."""
        found = self.owner.ended(self.upload, WITHIN)
        words = Counter(text_of(found).split())
        query = "SELECT attempts, done FROM pieces WHERE transcript_id = %s"
        pieces = archive.rows(query, self.upload)
        if found["state"] != "done":
            return f"it is {found['state']}: {found['problem']}"
        if archive.checksum(self.upload) != hashlib.sha256(self.content).hexdigest():
            return "another file is kept than was sent"
        if any(words[each] != self.said[each] for each in ("schools", "mountains")):
            return f"it reads: {text_of(found)}"
        if any(each["attempts"] > 2 or not each["done"] for each in pieces):
            return f"pieces: {pieces}"
        return ""


class Killer:
    """Kills at random moments, and counts what was hit."""

    def __init__(self, archive: Archive, chance: random.Random) -> None:
        self.archive = archive
        self.chance = chance
        self.latest = LATEST
        self.kills: Counter[str] = Counter()
        self.hit: Counter[str] = Counter()

    def kill(self, service: str, moment: float, sent: list[Sent]) -> None:
        """Kills the service after so many seconds; it was hit where any upload or its job was unfinished."""
        time.sleep(moment)
        states: Counter[str] = Counter()
        # The database may just be coming back; then the kill counts for what is not arrived.
        with contextlib.suppress(psycopg.Error):
            known = [each.upload for each in sent if each.upload]
            rows = self.archive.rows("SELECT state FROM transcripts WHERE id = ANY(%s::uuid[])", known)
            states.update(str(row["state"]) for row in rows)
        states["arriving"] += sum(not each.upload for each in sent)
        self.archive.kill(service)
        self.kills[service] += 1
        hits = [state for state in UNFINISHED if states[state]]
        self.latest *= 1.05 if hits else 0.8
        self.hit["any"] += bool(hits)
        self.hit.update(hits)

    def round(self) -> list[str]:
        """One round; what was wrong."""
        chosen = [self.chance.choice(files()) for _ in range(TOGETHER)]
        sent = [Sent(Owner(self.archive.settings, KEYS[0]), content, said) for content, said in chosen]
        services = ("api", self.chance.choice(("transcriber", "db")))
        threads = [threading.Thread(target=each.send) for each in sent]
        threads += [
            threading.Thread(target=self.kill, args=(each, self.chance.uniform(0.0, self.latest), sent))
            for each in services
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.archive.wait_healthy(within=WITHIN)
        wrong = [problem for each in sent if (problem := each.wrong(self.archive))]
        for each in sent:
            each.owner.http.close()
        return wrong


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.archive_killed", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bad = uploads = 0
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder))
        killer = Killer(archive, random.Random(options.seed))
        try:
            archive.wait_healthy(within=WITHIN)
            while killer.kills.total() < options.kills:
                began = time.monotonic()
                wrong = killer.round()
                bad += len(wrong)
                uploads += TOGETHER
                told = "; ".join(wrong) or "all there, once"
                took = time.monotonic() - began
                print(
                    f"{killer.kills.total()} kills ({told_of(killer.kills)}), {killer.hit['any']} hit work: "
                    f"{told} ({took:.0f} s)",
                    flush=True,
                )
            again = archive.rows("SELECT count(*) AS n FROM pieces WHERE attempts = 2")[0]["n"]
            print(
                f"{killer.kills.total()} kills ({told_of(killer.kills)}) beside {uploads} uploads; "
                f"{killer.hit['any']} hit work (while arriving {killer.hit['arriving']}, queued "
                f"{killer.hit['queued']}, at work {killer.hit['working']}); {again} pieces begun twice; "
                f"{bad} uploads with something lost or doubled"
            )
        finally:
            archive.stop()
    return 1 if bad else 0


def told_of(kills: Counter[str]) -> str:
    """How often each was killed."""
    return ", ".join(f"{name} {count}" for name, count in sorted(kills.items()))


if __name__ == "__main__":
    sys.exit(main())
