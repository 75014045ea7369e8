"""How uploads arrive: a large one over a line that breaks all the time, and a hundred at once.

`python -m tests.bench.uploads_arrive --gigabytes 20` (so much of the disk is taken meanwhile). api and
PostgreSQL run as in `make run`; no transcriber, so that nothing but the arrival is measured. Printed; it ends
with 1 where another file is kept than was sent, or an upload was neither taken nor told to come again.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx

from tests.bench.cost import cpu_seconds
from tests.bench.uploads import client
from tests.integration.archive.conftest import TUS, speech
from tests.stack import Stack, wait_for

BLOCK = 1 << 20
BREAKS_AFTER = 100_000_000
SEED = 12
PART_TYPE = "application/offset+octet-stream"
PACE = 0.2
"""Seconds between looks at api's memory, and between requests of somebody else beside the hundred."""


class Content:
    """A WAV file of noise that is never held as a whole; every block of it is another."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._noise = random.Random(SEED).randbytes(BLOCK)
        form = struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
        endless = struct.pack("<I", 0xFFFFFFFF)
        head = b"RIFF" + endless + b"WAVEfmt " + form + b"data" + endless
        self._first = head + self._noise[len(head) :]

    def block(self, number: int) -> bytes:
        """That block; the last one is shorter."""
        whole = self._first if number == 0 else struct.pack("<Q", number) + self._noise[8:]
        return whole[: max(0, self.size - number * BLOCK)]

    def sha256(self) -> str:
        """Its checksum, in hexadecimal."""
        found = hashlib.sha256()
        for number in range(-(-self.size // BLOCK)):
            found.update(self.block(number))
        return found.hexdigest()


class Memory:
    """The most memory that api had resident, in MB; a thread looks."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.at_first = self.now()
        self.most = self.at_first
        threading.Thread(target=self._look, daemon=True).start()

    def now(self) -> float:
        """What it has now."""
        return sum(each.memory_info().rss for each in self._stack.family("api")) / 1e6

    def _look(self) -> None:
        while True:
            self.most = max(self.most, self.now())
            time.sleep(PACE)


def send_until_it_breaks(stack: Stack, upload: str, content: Content, here: int) -> None:
    """Announces all that is missing, sends BREAKS_AFTER bytes of it and drops the line."""
    until = min(content.size, here + BREAKS_AFTER)
    head = [
        f"PATCH /api/v1/uploads/{upload} HTTP/1.1", "Host: 127.0.0.1", "Tus-Resumable: 1.0.0",
        f"Content-Length: {content.size - here}", f"Content-Type: {PART_TYPE}", f"Upload-Offset: {here}",
        "", "",
    ]  # fmt: skip
    with socket.create_connection(("127.0.0.1", stack.settings.api_port), timeout=60) as line:
        line.sendall("\r\n".join(head).encode())
        while here < until:
            skipped = here % BLOCK
            part = content.block(here // BLOCK)[skipped : skipped + until - here]
            line.sendall(part)
            here += len(part)
        if here == content.size:
            answer = line.recv(4096)
            if b" 204 " not in answer.splitlines()[0]:
                raise RuntimeError(answer.decode(errors="replace"))
        else:
            # What is not read yet is thrown away, as when a line breaks.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def large(stack: Stack, http: httpx.Client, gigabytes: float) -> bool:
    """A large upload over a line that breaks; whether what arrived is what was sent."""
    content = Content(round(gigabytes * 1e9))
    memory = Memory(stack)
    began = time.monotonic()
    answer = http.post("/uploads", headers=TUS | {"Upload-Length": str(content.size)}).raise_for_status()
    upload = answer.headers["location"].rpartition("/")[2]
    breaks, here = 0, 0

    def offset() -> int | None:
        found = http.head(f"/uploads/{upload}", headers=TUS)
        return int(found.headers["upload-offset"]) if found.status_code == 200 else None

    while here < content.size:
        # A line that is reset loses what api has not read of it.
        with suppress(ConnectionError):
            send_until_it_breaks(stack, upload, content, here)
        breaks += 1
        # The request that broke off may not have ended yet.
        time.sleep(PACE)
        here = wait_for("where it is", offset, 30.0)
    took = time.monotonic() - began
    kept = stack.settings.data_dir.absolute() / "archive" / upload / "file"
    with kept.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == content.sha256()
    state = http.get(f"/transcripts/{upload}").json()["state"]
    kept.unlink()
    print(
        f"{gigabytes:g} GB with {breaks - 1} breaks: {took:.0f} s, {state}, "
        f"{'the checksum is right' if same else 'ANOTHER FILE'}; "
        f"api had {memory.at_first:.0f} MB before and {memory.most:.0f} MB at most"
    )
    return same and state == "queued"


async def together(stack: Stack, count: int) -> bool:
    """So many uploads at once; whether each was taken, or told when to come again."""
    address = f"http://127.0.0.1:{stack.settings.api_port}/api/v1"
    limits = httpx.Limits(max_connections=None)
    content, statuses, took, others = speech(), Counter[int](), list[float](), list[float]()
    without_retry = 0

    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60.0, limits=limits) as http:

        async def one(number: int) -> None:
            nonlocal without_retry
            began = time.perf_counter()
            answer = await http.post("/transcripts", files={"file": (f"{number}.wav", content)})
            statuses[answer.status_code] += 1
            if answer.status_code == 201:
                took.append(time.perf_counter() - began)
            elif "retry-after" not in answer.headers:
                without_retry += 1

        async def somebody_else() -> None:
            while True:
                began = time.perf_counter()
                (await http.get("/transcripts", params={"limit": 1})).raise_for_status()
                others.append(time.perf_counter() - began)
                await asyncio.sleep(PACE)

        used = cpu(stack)
        beside = asyncio.create_task(somebody_else())
        await asyncio.gather(*(one(number) for number in range(count)))
        beside.cancel()
    print(
        f"{count} at once: {dict(statuses)}; taken after {statistics.median(took):.2f} s (median), "
        f"{max(took):.2f} s (longest); {cpu(stack) - used:.2f} s of CPU; somebody else's list after "
        f"{max(others):.2f} s at most"
    )
    return without_retry == 0 and set(statuses) <= {201, 429, 503}


def cpu(stack: Stack) -> float:
    """Seconds of CPU that api and PostgreSQL used so far."""
    return cpu_seconds([each for name in ("api", "db") for each in stack.family(name)])


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.uploads_arrive", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the large upload")
    parser.add_argument("--at-once", default="100,400", help="counts of uploads, separated by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ("api",)) as stack:
        http = client(stack)
        wait_for("the archive", lambda: http.get("/transcripts").status_code == 200, 60.0)
        fine = [large(stack, http, options.gigabytes)]
        counts = [int(part) for part in options.at_once.split(",")]
        fine += [asyncio.run(together(stack, count)) for count in counts]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
