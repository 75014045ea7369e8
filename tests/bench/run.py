"""One run of the bench: so many streams through the real services, and a plain relay beside them."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from app.demo.lines import Event, Helper
from app.demo.measure import Figures, Measurement
from app.demo.publish import ingest_address
from app.demo.read import watch_address
from app.demo.report import OUTCOMES
from app.demo.statistics import Spread, slope, spread
from tests.bench.cost import Cost, Window
from tests.stack import Stack, wait_for

LANGUAGE = "es"
RELAY = "relay"
# The same news is in every stream; shifted, so that their phrases don't all end at once.
APART = 1.3
WARM_UP = 5.0
APPEARS_WITHIN = 60.0
SAMPLE_SECONDS = 150.0
NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Result:
    """What one run measured. Times in seconds, `lag_slope` in seconds an hour.

    `delay` holds each stream's own spread, so that a steady stream is one whose own delay is steady.
    """

    streams: int
    seconds: float
    figures: list[Figures]
    relay: Figures
    counts: dict[str, int]
    lag: Spread
    lag_slope: float
    reasons: dict[str, int]
    costs: dict[str, Cost]
    other_cores: float
    restarts: int

    @property
    def phrases(self) -> int:
        """Phrases of all streams; what had no words in it is none."""
        return sum(self.counts.values()) - self.counts["wordless"]


def run(count: int, seconds: float, say: Callable[[str], None]) -> Result:
    """Dubs `count` streams for so many seconds and measures them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), extra={"TARGET_LANGUAGES": LANGUAGE, "LOG_LEVEL": "warning"}) as stack,
    ):
        relay = Measurement()
        measurements: list[Measurement] = []
        helpers: list[Helper] = []
        for number in range(count):
            sender, measurement = stack.publish_sample(f"bench{number}", SAMPLE_SECONDS)
            helpers.append(sender)
            measurements.append(measurement)
            reader = stack.read(f"dub/bench{number}/{LANGUAGE}", measurement.on_received, wait=APPEARS_WITHIN)
            helpers.append(reader)
            time.sleep(APART)
        relay.sent = measurements[0].sent
        copier = start_relay(stack)
        helpers.append(stack.read(f"live/{RELAY}", relay.on_received, wait=APPEARS_WITHIN))
        try:
            everyone = [*measurements, relay]
            wait_for("all dubs", lambda: all(each.received for each in everyone), APPEARS_WITHIN, 0.2)
            time.sleep(WARM_UP)
            window = Window(groups(stack, copier, helpers))
            say(f"{count} streams, measuring for {seconds:g} s")
            time.sleep(seconds)
            costs, others = window.close()
            return result(stack, seconds, measurements, relay, costs, others)
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{stack.logs()}") from None
        finally:
            copier.kill()
            copier.wait()


def start_relay(stack: Stack) -> subprocess.Popen[bytes]:
    """A plain copy of the first stream through the same media server, with dubbing switched off for it."""
    wait_for("the first stream", lambda: stack.dub("bench0", LANGUAGE), APPEARS_WITHIN)
    source = watch_address(stack.settings, "live/bench0")
    sink = ingest_address(stack.settings, RELAY)
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-fflags", "nobuffer", "-i", source]
    process = subprocess.Popen(
        [*command, "-c", "copy", "-flush_packets", "1", "-f", "flv", sink],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for("the relay's stream", lambda: stack.dub(RELAY, LANGUAGE), 20)
    stack.http.request(
        "DELETE", f"/streams/{RELAY}/{LANGUAGE}", headers={"content-type": "application/json"}
    ).raise_for_status()
    return process


def groups(stack: Stack, copier: subprocess.Popen[bytes], helpers: list[Helper]) -> Any:
    """The processes whose cost is told apart."""

    def of(pids: list[int]) -> list[psutil.Process]:
        found = []
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
        return found

    return {
        "media": lambda: stack.family("media"),
        "sts": lambda: stack.family("sts"),
        "dubber": lambda: stack.family("dubber")[:1],
        "workers": lambda: stack.family("dubber")[1:],
        "relay": lambda: of([copier.pid]),
        "measuring": lambda: of([helper.pid for helper in helpers]),
    }


def result(
    stack: Stack,
    seconds: float,
    measurements: list[Measurement],
    relay: Measurement,
    costs: dict[str, Cost],
    others: float,
) -> Result:
    """Puts together what was measured."""
    phrases: list[Event] = []
    slopes: list[float] = []
    restarts = 0
    for number in range(len(measurements)):
        path = f"/streams/bench{number}/{LANGUAGE}"
        log = stack.http.get(f"{path}/phrases.jsonl").raise_for_status().text
        own = [json.loads(line) for line in log.splitlines()]
        phrases += own
        dubbed = [phrase for phrase in own if is_dubbed(phrase)]
        slopes.append(3600 * slope([each["start"] for each in dubbed], [each["lateness"] for each in dubbed]))
        restarts += (stack.dub(f"bench{number}", LANGUAGE) or {}).get("restarts", 0)
    counted = Counter(phrase["outcome"] for phrase in phrases)
    return Result(
        streams=len(measurements),
        seconds=seconds,
        figures=[measurement.figures() for measurement in measurements],
        relay=relay.figures(),
        counts={outcome: counted[outcome] for outcome in OUTCOMES},
        lag=spread([phrase["lateness"] for phrase in phrases if is_dubbed(phrase)]),
        lag_slope=max(slopes, key=abs),
        reasons=dict(Counter(NUMBER.sub("…", phrase["reason"]) for phrase in phrases if phrase["reason"])),
        costs=costs,
        other_cores=others,
        restarts=restarts,
    )


def is_dubbed(phrase: Event) -> bool:
    """Whether its dub was heard."""
    return phrase["outcome"] in ("in_time", "late")
