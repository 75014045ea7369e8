"""`python -m tests.bench.viewers`: what so many HLS viewers of all/<name> get, and what they cost the dub.

The real services, their edge too; streams with a Spanish dub each, joined; in one run the same for as long
without viewers and with each number of them.
"""

from __future__ import annotations

import argparse
import json
import queue
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from app.demo.lines import Event, Helper
from app.demo.sample import sample_video
from app.demo.statistics import Spread, spread
from app.native.edge import folder_of
from tests.bench import a_request
from tests.bench.cost import Cost, Window
from tests.bench.report import machine
from tests.bench.run import LANGUAGE, NUMBER, is_dubbed
from tests.hls import read
from tests.integration.dubbing.clips import play
from tests.stack import LIGHT_VOICE, Stack, wait_for

SETTINGS = {**LIGHT_VOICE, "TARGET_LANGUAGES": LANGUAGE, "REPLAY_MINUTES": "5", "LOG_LEVEL": "warning"}
"""Streams are joined, whoever watches: what is compared is the viewers alone."""
SAMPLE_SECONDS = 150.0
APPEARS_WITHIN = 120.0
COME_EACH_SECOND = 40.0
SETTLE = 10.0
PATIENCE = 120.0
MIB = 1 << 20


@dataclass(frozen=True)
class Asked:
    """Where viewers ask: its address, a file with the authority of its certificate, where it has one, and
    what it runs in."""

    way: str
    address: str
    root: str
    stack: Stack


@dataclass(frozen=True)
class Measured:
    """One phase: `told` is what the viewers' process says (tests.bench.viewer), empty without viewers."""

    viewers: int
    seconds: float
    phrases: list[Event]
    costs: dict[str, Cost]
    others: float
    told: Event = field(default_factory=dict)


def run(
    streams: int, counts: list[int], seconds: float, way: str, say: Callable[[str], None]
) -> list[Measured]:
    """Dubs so many streams, and measures without viewers and with each number of them, who ask the edge, the
    dubber or a read replica of it."""
    services = ("dubber", "edge") if way == "edge" else ("dubber",)
    names = [f"bench{number}" for number in range(streams)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), services, SETTINGS) as stack,
        asked_of(stack, way) as asked,
    ):
        publishers = [stack.publish(play(sample_video(SAMPLE_SECONDS)), name, "rtmp") for name in names]
        try:
            for name in names:
                joined = partial(is_joined, stack, name)
                wait_for(f"{name} joined with its dub", joined, APPEARS_WITHIN, 1.0)
            pids = [each.process.pid for each in publishers]
            return [phase(stack, names, count, seconds, asked, pids, say) for count in (0, *counts)]
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{stack.logs()}") from None


@contextmanager
def asked_of(stack: Stack, way: str) -> Iterator[Asked]:
    """Whom viewers ask; starts the replica."""
    settings = stack.settings
    if way == "edge":
        root = folder_of(settings) / "pki/authorities/local/root.crt"
        yield Asked(way, f"https://localhost:{settings.edge_https_port}", str(root), stack)
    elif way == "replica":
        own = {"DUBBER_URL": settings.dubber_address, "LOG_LEVEL": "warning"}
        with Stack(stack.folder / way, (way,), own) as replica:
            yield Asked(way, f"http://127.0.0.1:{replica.settings.replica_port}", "", replica)
    else:
        yield Asked(way, settings.dubber_address, "", stack)


def is_joined(stack: Stack, name: str) -> bool:
    """Whether its dub stands in the stream's master playlist."""
    address = f"{stack.settings.dubber_address}/all/{name}/index.m3u8"
    answer = httpx.get(address, timeout=40.0, trust_env=False)
    return answer.is_success and any(
        each.get("LANGUAGE") == LANGUAGE for each in read(answer.text).renditions
    )


def phase(
    stack: Stack,
    names: list[str],
    count: int,
    seconds: float,
    asked: Asked,
    pids: list[int],
    say: Callable[[str], None],
) -> Measured:
    """Measures for so long with that many viewers."""
    say(f"{count} viewers" if count else "no viewers")
    # Before they come: with a thousand of them the dubber may answer late.
    before = {name: len(phrases(stack, name)) for name in names}
    with audience(asked, names, count, seconds) as (events, pid):
        if count:
            playing = events.get(timeout=count / COME_EACH_SECOND + SETTLE + PATIENCE)["playing"]
            say(f"all have come, {playing} play; measuring for {seconds:g} s")
        window = Window(groups(stack, asked, [*pids, *pid]))
        told = {}
        if count:
            told = events.get(timeout=seconds + PATIENCE)
        else:
            time.sleep(seconds)
        costs, others = window.close()
    new = [each for name in names for each in phrases(stack, name)[before[name] :]]
    return Measured(count, seconds, new, costs, others, told)


@contextmanager
def audience(
    asked: Asked, names: list[str], count: int, seconds: float
) -> Iterator[tuple[queue.Queue[Event], list[int]]]:
    """The viewers' process: what it tells, and its number; nothing for no viewers."""
    events: queue.Queue[Event] = queue.Queue()
    if not count:
        yield events, []
        return
    request = {
        "address": asked.address,
        "root": asked.root,
        "names": names,
        "viewers": count,
        "over": count / COME_EACH_SECOND,
        "settle": SETTLE,
        "seconds": seconds,
    }
    helper = Helper("tests.bench.viewer", request, events.put)
    try:
        yield events, [helper.pid]
    finally:
        helper.stop()


def phrases(stack: Stack, name: str) -> list[Event]:
    """The phrase log of the stream's dub."""
    log = (
        stack.http.get(f"/streams/{name}/{LANGUAGE}/phrases.jsonl", timeout=PATIENCE).raise_for_status().text
    )
    return [json.loads(line) for line in log.splitlines()]


def groups(stack: Stack, asked: Asked, pids: list[int]) -> Any:
    """The processes whose cost is told apart."""
    return {
        "media": lambda: stack.family("media"),
        "sts": lambda: stack.family("sts"),
        "dubber": lambda: stack.family("dubber")[:1],
        "workers": lambda: stack.family("dubber")[1:],
        **({asked.way: lambda: asked.stack.family(asked.way)} if asked.way != "dubber" else {}),
        "measuring": lambda: [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)],
    }


def outcome(kind: str) -> Callable[[Measured], str]:
    """A cell with how many phrases ended so."""

    def cell(measured: Measured) -> str:
        real = [each["outcome"] for each in measured.phrases if each["outcome"] != "wordless"]
        return f"{real.count(kind)} of {len(real)}"

    return cell


def lag(measured: Measured) -> str:
    """A cell with the lag of what was dubbed."""
    found = spread([each["lateness"] for each in measured.phrases if is_dubbed(each)])
    return f"{1000 * found.p50:.0f} / {1000 * found.p95:.0f} ms"


def times(kind: str) -> Callable[[Measured], str]:
    """A cell with how long answers of a kind took."""

    def cell(measured: Measured) -> str:
        found = Spread(**measured.told["times"][kind])
        return f"{1000 * found.p50:.0f} / {1000 * found.p95:.0f} / {1000 * found.p99:.0f} ms"

    return cell


def stalls(measured: Measured) -> str:
    """A cell with how often, and for how long altogether, something had run out."""
    found = measured.told["stalls"]
    return f"{len(found)} ({sum(found):.0f} s)" if found else "0"


def cores(part: str) -> Callable[[Measured], str]:
    """A cell with what a part takes."""
    return lambda measured: f"{measured.costs[part].cores:.2f}"


def of_a_request(part: str, idle: Measured) -> Callable[[Measured], str]:
    """A cell with a part's processor time for each request, beyond what it takes without viewers."""

    def cell(measured: Measured) -> str:
        more = measured.costs[part].cores - idle.costs[part].cores
        return f"{1e6 * more * measured.told['seconds'] / max(1, measured.told['requests']):.0f} µs"

    return cell


def a_second(measured: Measured) -> str:
    """A cell with requests and bytes."""
    seconds = measured.told["seconds"]
    return f"{measured.told['requests'] / seconds:.0f}, {measured.told['bytes'] / MIB / seconds:.1f} MiB"


def an_hour(measured: Measured) -> str:
    """A cell with the bytes of a viewer in an hour."""
    told = measured.told
    return f"{3600 * told['bytes'] / told['seconds'] / measured.viewers / MIB:.0f} MiB"


def refused(measured: Measured) -> str:
    """A cell with answers other than 200, and segments that had gone before a viewer asked."""
    told = measured.told
    found = [f"{count} {what}" for what, count in told["refused"].items() if count]
    return ", ".join([*found, *([f"{told['skipped']} skipped"] if told["skipped"] else [])]) or "0"


def table(results: list[Measured]) -> str:
    """The results as Markdown."""
    parts = [part for part in ("dubber", "edge", "replica") if part in results[0].costs]
    of_viewers: tuple[tuple[str, Callable[[Measured], str]], ...] = (
        ("stalls", stalls),
        ("refused or gone", refused),
        ("requests and bytes a second", a_second),
        ("bytes of a viewer an hour", an_hour),
        ("a playlist, p50 / p95 / p99", times("playlist")),
        ("a piece, p50 / p95 / p99", times("piece")),
        *((f"{part}: processor time of a request", of_a_request(part, results[0])) for part in parts),
    )
    of_all: tuple[tuple[str, Callable[[Measured], str]], ...] = (
        ("phrases in time", outcome("in_time")),
        ("late", outcome("late")),
        ("passed through", outcome("passed_through")),
        ("dub lag p50 / p95", lag),
        *((f"cores: {part}", cores(part)) for part in results[0].costs),
        ("cores: others on the machine", lambda measured: f"{measured.others:.2f}"),
    )
    heads = [f"{each.viewers:,} viewers" if each.viewers else "no viewers" for each in results]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(results)}"]
    for name, cell in of_viewers:
        lines.append(f"| {name} | {' | '.join(cell(each) if each.told else '' for each in results)} |")
    lines += [f"| {name} | {' | '.join(map(cell, results))} |" for name, cell in of_all]
    return "\n".join(lines)


def reasons(results: list[Measured]) -> list[str]:
    """Why phrases had no timely dub."""
    found = {
        (each.viewers, NUMBER.sub("…", phrase["reason"])): None
        for each in results
        for phrase in each.phrases
        if phrase["reason"]
    }
    return [f"{viewers} viewers: {reason}" for viewers, reason in found]


def main() -> None:
    """Prints the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.viewers", description=__doc__)
    parser.add_argument("--viewers", default="50,200,1000", help="numbers of viewers, separated by commas")
    parser.add_argument("--streams", type=int, default=3, help="how many streams they watch")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each number is measured")
    parser.add_argument(
        "--ask",
        choices=("edge", "dubber", "replica"),
        default="edge",
        help="whom viewers ask (edge): the edge before the dubber, the dubber, a read replica",
    )
    parser.add_argument("--request", action="store_true", help="measure what one request takes, and no more")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.request:
        print(machine().partition("\n")[0], "", a_request.table(), sep="\n")
        return
    counts = [int(each) for each in options.viewers.split(",")]
    results = run(options.streams, counts, options.seconds, options.ask, lambda line: print(line, flush=True))
    load = ", ".join(f"{each:.1f}" for each in psutil.getloadavg())
    print(machine().partition("\n")[0], f"\nLoad averages at the end: {load}.\n", table(results), sep="\n")
    print("", *reasons(results), sep="\n")


if __name__ == "__main__":
    main()
