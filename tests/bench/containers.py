"""`python -m tests.bench.containers`: what containers cost in time beside the same services as processes.

Both run on this machine at once, and are measured in turns: a fixed phrase through sts, and the sample
broadcast through everything. Needs what `make up` needs; writes docs/benchmarks/containers.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from websockets.sync.client import ClientConnection, connect

from app import catalog
from app.demo.measure import Measurement
from app.demo.publish import ingest_address, publish
from app.demo.read import read, watch_address
from app.demo.sample import sample_video
from app.demo.statistics import spread
from app.settings import Settings, load
from app.speech.engines.piper import Piper
from app.speech.protocol import Config, PhraseMark, pack_sound
from app.speech.sound import to_pcm
from tests.bench.report import machine
from tests.docker.checkout import Checkout, docker
from tests.stack import Stack, wait_for

RESULTS = Path(__file__).parents[2] / "docs" / "benchmarks" / "containers.md"
LANGUAGE = "es"
SENTENCE = "The president of the bank said that the price of oil will rise in the spring."
PHRASES = 8
PATIENT = 30.0
APPEARS_WITHIN = 60.0
UNITS = {"B": 1 / (1 << 20), "KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}


@dataclass
class Side:
    """One way of running the services. What was measured there, a value a round; times in seconds.

    `lags` has a value for each phrase that was dubbed.
    """

    name: str
    settings: Settings
    trips: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    dubbed: int = 0
    phrases: int = 0


FIGURES: tuple[tuple[str, Callable[[Side], list[float]]], ...] = (
    ("a fixed phrase through sts and back, p50", lambda side: side.trips),
    ("a phrase of the broadcast: asked to answered, p50", lambda side: side.answers),
    ("picture delay, p50", lambda side: side.delays),
)


class Session:
    """An open session with sts that says the same phrase again and again."""

    def __init__(self, socket: ClientConnection, sound: bytes, rate: int) -> None:
        self._socket = socket
        self._sound = sound
        self._number = 0
        socket.send(Config(source="en", target=LANGUAGE, sample_rate=rate).model_dump_json())
        socket.recv(timeout=PATIENT)
        # The first phrase is slower than all others.
        self.trip()

    def trip(self) -> float:
        """Seconds from sending the phrase to having its dub."""
        samples = len(self._sound) // 2
        start = self._number * samples
        mark = PhraseMark(id=self._number, start=start, end=start + samples, deadline=PATIENT, pause=True)
        self._number += 1
        began = time.perf_counter()
        self._socket.send(pack_sound(start, self._sound))
        self._socket.send(mark.model_dump_json())
        answer: dict[str, Any] = json.loads(self._socket.recv(timeout=PATIENT))
        if answer["type"] != "dub" or not answer["samples"]:
            raise RuntimeError(f"sts did not dub the phrase: {answer}")
        self._socket.recv(timeout=PATIENT)
        return time.perf_counter() - began


def trips(sides: tuple[Side, Side], sound: bytes, rate: int) -> None:
    """The same phrase through sts of each side, in turns."""
    with ExitStack() as stack:
        sessions = []
        for side in sides:
            address = f"ws://127.0.0.1:{side.settings.sts_port}/sts"
            socket = stack.enter_context(connect(address, max_size=None, proxy=None))
            sessions.append(Session(socket, sound, rate))
        times = [[session.trip() for session in sessions] for _ in range(PHRASES)]
    for side, own in zip(sides, zip(*times, strict=True), strict=True):
        side.trips.append(statistics.median(own))


def broadcast(side: Side, video: Path, seconds: float, number: int, meanwhile: Callable[[], None]) -> None:
    """The sample through everything for so many seconds."""
    name, measurement = f"bench{number}", Measurement()
    path = f"dub/{name}/{LANGUAGE}"
    with (
        publish(ingest_address(side.settings, name), video, measurement.on_sent),
        read(watch_address(side.settings, path), measurement.on_received, wait=APPEARS_WITHIN),
        httpx.Client(base_url=side.settings.dubber_address, trust_env=False, timeout=5.0) as dubber,
    ):
        wait_for(f"{side.name}: the dub", lambda: measurement.received, APPEARS_WITHIN, 0.1)
        time.sleep(seconds)
        meanwhile()
        log = dubber.get(f"/streams/{name}/{LANGUAGE}/phrases.jsonl").raise_for_status().text
    phrases = [each for each in map(json.loads, log.splitlines()) if each["outcome"] != "wordless"]
    dubbed = [each for each in phrases if each["outcome"] in ("in_time", "late")]
    if not dubbed:
        reasons = ", ".join(sorted({each["reason"] for each in phrases})) or "no phrase at all"
        sys.exit(f"{side.name}: nothing was dubbed ({reasons}); is the machine busy with something else?")
    side.phrases += len(phrases)
    side.dubbed += len(dubbed)
    side.answers.append(statistics.median(each["stages"]["answer"] for each in dubbed))
    side.lags += [each["lateness"] for each in dubbed]
    side.delays.append(measurement.figures().delay.p50)


@contextmanager
def in_containers(folder: Path) -> Iterator[tuple[Checkout, dict[str, float]]]:
    """All default services as containers, gone afterwards; with the seconds that each way of `up` took."""
    checkout = Checkout(folder, f"bench{os.getpid()}")
    try:
        checkout.configure({"LOG_LEVEL": "warning"})
        pulumi(checkout, "up")
        pulumi(checkout, "destroy")
        times = {"up, images there": pulumi(checkout, "up"), "second up": pulumi(checkout, "up")}
        with (checkout.folder / "app" / "service.py").open("a", encoding="utf-8") as code:
            code.write("\n# Changed by the bench.\n")
        times["up after a change of code"] = pulumi(checkout, "up")
        times["killed web, healthy again"] = killed(checkout, "web")
        yield checkout, times
    finally:
        checkout.remove()


def pulumi(checkout: Checkout, command: str) -> float:
    """Seconds that `pulumi up` or `pulumi destroy` takes. Raises RuntimeError where it fails."""
    began = time.perf_counter()
    done = checkout.pulumi(command, "--yes", "--skip-preview")
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
    return time.perf_counter() - began


def killed(checkout: Checkout, service: str) -> float:
    """Seconds from kill -9 of a container's process to its health."""
    found = checkout.inspect(service)["State"]
    began = time.perf_counter()
    os.kill(found["Pid"], signal.SIGKILL)

    def back() -> bool:
        state = checkout.inspect(service)["State"]
        return bool(state["StartedAt"] != found["StartedAt"] and state["Health"]["Status"] == "healthy")

    wait_for(f"{service} back", back, PATIENT, 0.1)
    return time.perf_counter() - began


def memory(checkout: Checkout) -> dict[str, float]:
    """MiB of each container, as `docker stats` counts: without files that the system may forget."""
    names = checkout.outputs()["containers"]
    lines = docker("stats", "--no-stream", "--format", "{{json .}}", *names.values()).splitlines()
    used = {line["Name"]: line["MemUsage"].partition(" ")[0] for line in map(json.loads, lines)}
    return {service: mebibytes(used[name]) for service, name in sorted(names.items())}


def mebibytes(text: str) -> float:
    """A size as `docker stats` writes it, such as 1.2GiB, in MiB."""
    found = re.fullmatch(r"([\d.]+)([KMG]?i?B)", text)
    if found is None:
        raise ValueError(f"{text!r} is no size of memory")
    return float(found[1]) * UNITS[found[2]]


def rows(native: Side, contained: Side) -> list[str]:
    """The table: medians over the rounds, the ratio of the medians, and that of each round's pair."""
    lines = ["| | processes | containers | ratio | rounds |", "|---|---:|---:|---:|---:|"]
    for title, values in FIGURES:
        ours, theirs = values(native), values(contained)
        middle, other = statistics.median(ours), statistics.median(theirs)
        pairs = sorted(b / a for a, b in zip(ours, theirs, strict=True) if a)
        ratio = (
            f"{other / middle:.3f} | {pairs[0]:.2f} to {pairs[-1]:.2f}" if len(pairs) == len(ours) else "|"
        )
        lines.append(f"| {title} | {1000 * middle:.0f} ms | {1000 * other:.0f} ms | {ratio} |")
    lags = [spread(side.lags) for side in (native, contained)]
    cells = {
        "dub lag of all phrases, p50 / p95": [
            f"{1000 * each.p50:.0f} / {1000 * each.p95:.0f} ms" for each in lags
        ],
        "phrases dubbed": [f"{side.dubbed} of {side.phrases}" for side in (native, contained)],
    }
    return [*lines, *(f"| {title} | {' | '.join(pair)} | | |" for title, pair in cells.items())]


def text(
    sides: tuple[Side, Side], used: dict[str, float], times: dict[str, float], rounds: int, seconds: float
) -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Containers beside processes",
            "",
            machine().splitlines()[0],
            "",
            f"`python -m tests.bench.containers`: {rounds} rounds. In each a phrase goes {PHRASES} times",
            "through sts of both, in turns; then each dubs the sample broadcast alone, one after the other,",
            f"for {seconds:g} s. A figure is the median of all rounds, *rounds* are the ratios of each.",
            f"Load average after it: {psutil.getloadavg()[0]:.1f}.",
            "",
            *rows(*sides),
            "",
            "Memory of the containers while one stream is dubbed, in MiB, as `docker stats` counts it:",
            "",
            f"| {' | '.join(used)} | all |",
            f"|{'---:|' * (len(used) + 1)}",
            f"| {' | '.join(f'{each:.0f}' for each in used.values())} | {sum(used.values()):.0f} |",
            "",
            f"The {len(used)} services through `pulumi up`, until all are healthy:",
            "",
            *(f"- {what}: {each:.0f} s" for what, each in times.items()),
            "",
        ]
    )


def main() -> None:
    """Measures both in turns and writes the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.containers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the broadcast in each round")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    samples, rate = Piper(Path("no-voices")).speak(SENTENCE, "en", "")
    sound = to_pcm(np.concatenate([samples, np.zeros(rate // 2, np.float32)]))
    video = sample_video(options.seconds + 10)
    used: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as checkout_folder,
        tempfile.TemporaryDirectory() as folder,
        in_containers(Path(checkout_folder)) as (checkout, times),
        Stack(Path(folder), extra={"TARGET_LANGUAGES": LANGUAGE, "LOG_LEVEL": "warning"}) as stack,
    ):
        print(*(f"{what}: {each:.1f} s" for what, each in times.items()), sep="\n", flush=True)
        native = Side("processes", stack.settings)
        contained = Side("containers", load(checkout.ports))
        for number in range(options.rounds):
            turn = (native, contained) if number % 2 == 0 else (contained, native)
            trips(turn, sound, rate)
            for side in turn:
                look = (lambda: used.update(memory(checkout))) if side is contained else lambda: None
                broadcast(side, video, options.seconds, number, look)
            print(f"round {number + 1} of {options.rounds}", *rows(native, contained), sep="\n", flush=True)
    page = text((native, contained), used, times, options.rounds, options.seconds)
    options.output.write_text(page, encoding="utf-8")
    print(f"memory: {sum(used.values()):.0f} MiB in {len(used)} of {len(catalog.select())} services")
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
