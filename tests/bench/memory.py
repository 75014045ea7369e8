"""`python -m tests.bench.memory`: memory of every service, idle and while each of them works.

At work means one dubbed stream, one live client, and one request after the other to asr and tts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from websockets.sync.client import connect

from app.catalog import CATALOG
from app.speech.engines.piper import Piper
from app.speech.sound import Resampler
from app.speech.types import RECOGNISER_RATE, Samples
from tests.bench.cost import memory
from tests.bench.report import machine
from tests.bench.speech_api import wav
from tests.stack import Stack, wait_for

RESULT = Path(__file__).parents[2] / "docs" / "benchmarks" / "memory.md"
TARGET = 2048.0
"""MiB that the whole stack may take."""
FRAME = 4096
TEXT = "The government will help the schools. The weather will be cold in the mountains."
DUBBING_WITHIN = 60.0


def measured(running: Stack) -> dict[str, float]:
    """Proportional memory of each service with its children, in MiB."""
    return {name: memory(running.family(name))[0] for name in running.names}


def again(doing: Callable[[], None], done: threading.Event) -> threading.Thread:
    """Does it one time after the other until `done`."""

    def run() -> None:
        while not done.is_set():
            doing()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def listen(running: Stack, sound: Samples, done: threading.Event) -> None:
    """A client of live that sends the sound in real time."""
    with connect(f"ws://127.0.0.1:{running.settings.live_port}", proxy=None) as socket:
        socket.send(json.dumps({"uid": "bench", "language": "en", "task": "transcribe"}))
        for start in range(0, sound.size - FRAME, FRAME):
            socket.send(sound[start : start + FRAME].astype("<f4").tobytes())
            with suppress(TimeoutError):
                socket.recv(timeout=FRAME / RECOGNISER_RATE)
            if done.is_set():
                return


def dubbed(running: Stack) -> bool:
    """Whether the stream's dub is on the air."""
    return "dub/bench/es" in running.ready_paths()


def at_work(running: Stack, seconds: float) -> dict[str, float]:
    """The most that each service takes while all work."""
    samples, rate = Piper(Path("no-voices")).speak(TEXT, "en", "")
    file, sound = wav(samples, rate), Resampler(rate, RECOGNISER_RATE)(samples)
    asr, tts = (
        f"http://127.0.0.1:{port}/v1/audio" for port in (running.settings.asr_port, running.settings.tts_port)
    )
    running.publish_sample("bench")
    wait_for("the dub", partial(dubbed, running), DUBBING_WITHIN, 0.5)
    done = threading.Event()
    with httpx.Client(trust_env=False, timeout=120.0) as client:
        threads = [
            again(
                lambda: client.post(f"{asr}/transcriptions", files={"file": file}).raise_for_status().close(),
                done,
            ),
            again(
                lambda: client.post(f"{tts}/speech", json={"input": TEXT}).raise_for_status().close(), done
            ),
            again(lambda: listen(running, np.tile(sound, 20), done), done),
        ]
        most = measured(running)
        until = time.monotonic() + seconds
        while not done.wait(2.0) and time.monotonic() < until:
            most = {name: max(most[name], now) for name, now in measured(running).items()}
        done.set()
        for thread in threads:
            thread.join()
    return most


def table(idle: dict[str, float], most: dict[str, float]) -> str:
    """Both as Markdown, with their sums."""
    rows = [*idle, "all"]
    idle, most = ({**each, "all": sum(each.values())} for each in (idle, most))
    lines = ["| service | idle (MiB) | at work, at most (MiB) |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {idle[name]:.0f} | {most[name]:.0f} |" for name in rows)])


def main() -> None:
    """Prints the table and writes it into docs/benchmarks/memory.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory", description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="how long they work")
    seconds: float = parser.parse_args().seconds
    services = tuple(service.name for service in CATALOG if service.health)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), services) as running:
        idle = measured(running)
        print(f"idle: {sum(idle.values()):.0f} MiB; now at work for {seconds:.0f} s", flush=True)
        found = table(idle, at_work(running, seconds))
    print(found)
    about = (
        "Proportional memory (shared pages divided) of each service and its children, run natively with the\n"
        "embedded engines. At work: one dubbed stream, one live client, asr and tts one request after the\n"
        f"other, for {seconds:.0f} s. The target for all is {TARGET:.0f} MiB. `python -m tests.bench.memory` "
        "writes this."
    )
    text = "\n\n".join(["# Memory", machine().partition("\n")[0], about, found])
    RESULT.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
