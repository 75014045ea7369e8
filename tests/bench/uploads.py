"""What the archive costs over faster-whisper alone on the same file, and what a second worker brings.

`python -m tests.bench.uploads`: api, transcriber and PostgreSQL run as in `make run`, on the embedded Whisper
base. Each round recognises the file by faster-whisper's own BatchedInferencePipeline in this process,
with the same model, threads and language, then by an upload. Printed, nothing is asserted: CPU seconds bear
other work on the machine, wall-clock seconds don't.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from app.native import guard
from app.settings import load
from app.speech.engines.whisper import COMPUTE, MOST_THREADS
from app.speech.models import places
from app.speech.models.table import BASE
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE
from tests.bench.cost import cpu_seconds
from tests.bench.recognition import DATA, speak
from tests.bench.word_error import word_error_rate
from tests.stack import Stack, free_port, wait_for

LANGUAGE = "en"
WITHIN = 3600.0
LOOK = 0.25
SERVICES = ("db", "api", "transcriber")


@dataclass(frozen=True)
class Took:
    """Seconds, by the clock and of CPU, until the text was there; until its first words; and the text."""

    seconds: float
    cpu: float
    text: str
    first: float = 0.0


def news(minutes: float) -> tuple[bytes, str]:
    """So much spoken news as a WAV file, and its text."""
    text = (DATA / "news-test.txt").read_text(encoding="utf-8")
    once = speak(text)
    times = max(1, round(minutes * 60 * RECOGNISER_RATE / once.size))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RECOGNISER_RATE)
        file.writeframes(to_pcm(np.tile(once, times)))
    return content.getvalue(), " ".join([text] * times)


def alone(model: Any, file: Path) -> Took:
    """faster-whisper's own way from the file to words with their times."""
    from faster_whisper import BatchedInferencePipeline

    began, used = time.perf_counter(), time.process_time()
    found, _ = BatchedInferencePipeline(model).transcribe(
        str(file), language=LANGUAGE, batch_size=8, beam_size=1, word_timestamps=True
    )
    text = " ".join(each.text for each in found)
    return Took(time.perf_counter() - began, time.process_time() - used, text)


def upload(http: httpx.Client, file: Path) -> str:
    """The file in one request; its id."""
    with file.open("rb") as content:
        answer = http.post(
            "/transcripts", files={"file": (file.name, content)}, data={"language": LANGUAGE}
        ).raise_for_status()
    return str(answer.json()["id"])


def through(stack: Stack, http: httpx.Client, file: Path) -> Took:
    """By the archive: from the first byte of the upload to the last word."""
    processes = [each for name in SERVICES for each in stack.family(name)]
    began, used = time.perf_counter(), cpu_seconds(processes)
    known = upload(http, file)
    state, first = "", 0.0
    while state != "done":
        time.sleep(LOOK)
        found = http.get("/transcripts", params={"limit": 1}).json()["transcripts"][0]
        state = found["state"]
        if state == "failed":
            raise RuntimeError(found["problem"])
        if not first and found["progress"]:
            first = time.perf_counter() - began
    took = time.perf_counter() - began
    processes = [each for name in SERVICES for each in stack.family(name)]
    spent = cpu_seconds(processes) - used
    whole = http.get(f"/transcripts/{known}").json()
    return Took(took, spent, " ".join(each["text"] for each in whole["segments"]), first)


def overhead(folder: Path, file: Path, text: str, rounds: int) -> None:
    """The archive against faster-whisper alone."""
    from faster_whisper import WhisperModel

    with Stack(folder, ("api", "transcriber"), {"ASR_MODEL": BASE}) as stack:
        found = places.ready(BASE, stack.settings.models_dir)
        threads = min(MOST_THREADS, os.cpu_count() or 1)
        model = WhisperModel(str(found), device="cpu", compute_type=COMPUTE["cpu"], cpu_threads=threads)
        http = client(stack)
        wait_working(http, stack)
        sides: dict[str, list[Took]] = {"alone": [], "archive": []}
        for number in range(rounds):
            sides["alone"].append(alone(model, file))
            sides["archive"].append(through(stack, http, file))
            one, other = sides["alone"][-1], sides["archive"][-1]
            print(
                f"round {number + 1}: alone {one.seconds:.1f} s ({one.cpu:.1f} of CPU), archive "
                f"{other.seconds:.1f} s ({other.cpu:.1f} of CPU; first words after {other.first:.1f} s)",
                flush=True,
            )
        for name, took in sides.items():
            error = word_error_rate(text, took[-1].text)
            fastest = min(each.seconds for each in took)
            print(f"{name}: {fastest:.1f} s at best, word error {100 * error:.1f} %")
        for what in ("seconds", "cpu"):
            ratios = [
                getattr(other, what) / getattr(one, what)
                for one, other in zip(sides["alone"], sides["archive"], strict=True)
            ]
            print(f"archive / alone, {what}: {statistics.median(ratios):.2f} (each: {shown(ratios)})")


def shown(ratios: list[float]) -> str:
    """The ratios as text."""
    return ", ".join(f"{each:.2f}" for each in ratios)


def wait_working(http: httpx.Client, stack: Stack) -> None:
    """Returns once the tables are there and the model is loaded."""
    wait_for("the archive", lambda: http.get("/transcripts").status_code == 200, 60.0)
    address = f"http://127.0.0.1:{stack.settings.transcriber_port}/health"
    wait_for("the model", lambda: httpx.get(address, trust_env=False).status_code == 200, 60.0)


def client(stack: Stack) -> httpx.Client:
    """A client of api."""
    return httpx.Client(
        base_url=f"http://127.0.0.1:{stack.settings.api_port}/api/v1", trust_env=False, timeout=60.0
    )


@contextmanager
def second_worker(stack: Stack, core: int) -> Iterator[None]:
    """Another transcriber on a core of its own."""
    port = free_port()
    process = subprocess.Popen(
        guard.command(os.getpid(), [sys.executable, "-m", "app", "serve", "transcriber"]),
        env=stack.environment | {"TRANSCRIBER_PORT": str(port)},
        cwd=stack.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        pin(psutil.Process(process.pid), core)

        def well() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        wait_for("the second worker", well, 60.0, 0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def pin(process: psutil.Process, core: int) -> None:
    """Keeps a process and its children on one core."""
    for each in [process, *process.children(recursive=True)]:
        for thread in each.threads():
            os.sched_setaffinity(thread.id, {core})


def alone_on(core: int, file: Path) -> float:
    """Seconds in which faster-whisper recognises the file on a core, its model loaded."""
    from faster_whisper import WhisperModel

    os.sched_setaffinity(0, {core})
    found = places.ready(BASE, load().models_dir)
    model = WhisperModel(str(found), device="cpu", compute_type=COMPUTE["cpu"], cpu_threads=1)
    return alone(model, file).seconds


def of_the_machine(file: Path) -> float:
    """How many times as much two cores do as one, each with a faster-whisper of its own: 2 at best."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        one = pool.submit(alone_on, 0, file).result()
        both = [pool.submit(alone_on, core, file) for core in (0, 1)]
        return 2.0 * one / max(each.result() for each in both)


def two_workers(folder: Path, file: Path, rounds: int) -> None:
    """Two workers against one, each on a core of its own with one thread."""
    print(f"the machine's two cores do {of_the_machine(file):.2f} times as much as one", flush=True)
    extra = {"ASR_MODEL": BASE, "OMP_NUM_THREADS": "1"}
    with Stack(folder, ("api", "transcriber"), extra) as stack:
        http = client(stack)
        wait_working(http, stack)
        for process in stack.family("transcriber"):
            pin(process, 0)
        ratios = []
        for number in range(rounds):
            one = through(stack, http, file)
            with second_worker(stack, 1):
                two = through(stack, http, file)
            ratios.append(one.seconds / two.seconds)
            print(f"round {number + 1}: one {one.seconds:.1f} s, two {two.seconds:.1f} s", flush=True)
        print(f"two workers are {statistics.median(ratios):.2f} times as fast (each: {shown(ratios)})")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.uploads", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of speech")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["overhead", "workers"])
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    content, text = news(options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "news.wav"
        file.write_bytes(content)
        print(f"{len(content) / 2 / RECOGNISER_RATE / 60:.1f} minutes of speech", flush=True)
        if options.only != "workers":
            overhead(Path(folder) / "one", file, text, options.rounds)
        if options.only != "overhead":
            two_workers(Path(folder) / "two", file, options.rounds)


if __name__ == "__main__":
    main()
