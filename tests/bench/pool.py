"""`python -m tests.bench.pool`: how many dubs one speech host carries in time, and how many four do.

Hosts are real processes of sts but for their recogniser, which stands in for a GPU (tests.bench.stand_ins):
it takes its time and no processor, so that four hosts fit on one machine. Dubs are shared out as the dubber
does it, and asked for as a worker does it; more are offered than there is time for.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

import structlog

from app.demo.statistics import spread
from app.dubbing.service.speech_pool import SpeechPool
from app.speech.client.sts_client import Answer, StsClient
from app.speech.protocol import Config, PhraseMark
from app.speech.types import RECOGNISER_RATE
from tests.bench.report import machine
from tests.bench.stand_ins.speech_host import PIECE
from tests.child import answers
from tests.dialogue import as_a_worker_hears, dialogue
from tests.stack import LIGHT_VOICE, Stack, wait_for

DEADLINE = 0.6
"""Seconds that an answer may take: what is left of the delay in the profile `live`."""
IN_TIME = 0.95
"""Of a dub's phrases, for it to count."""
SETTLES = 45.0
"""Seconds until those rest that there is no time for: one goes at a time."""
KEPT = 6.0
A_BLOCK = 0.1
BEGIN_OVER = 3.0
"""Seconds over which the dubs begin."""


@dataclass(frozen=True)
class Step:
    """What a worker sends in a tenth of a second."""

    sounds: tuple[tuple[int, bytes], ...]
    marks: tuple[tuple[int, int, bool], ...]


@dataclass(frozen=True)
class Told:
    """What became of a phrase: when it was answered (monotonic), after how many seconds, and why there is no
    dub, empty where there is one."""

    at: float
    seconds: float
    why: str

    @property
    def in_time(self) -> bool:
        """Whether it was dubbed and not late."""
        return not self.why and self.seconds <= DEADLINE


@dataclass
class Dub:
    """A dub that begins so many seconds after all began, and what became of its phrases."""

    client: StsClient
    told: list[Told]
    begins: float
    asked: int = 0

    def between(self, since: float, until: float = inf) -> list[Told]:
        """What was answered in that time (monotonic)."""
        return [each for each in self.told if since <= each.at < until]


def share_in_time(told: Sequence[Told]) -> float:
    """The share of phrases that were in time."""
    return sum(each.in_time for each in told) / max(1, len(told))


def steps() -> list[Step]:
    """The sound of a dialogue as a worker sends it."""
    sound, _ = dialogue()
    return [
        Step(tuple(heard.sounds), tuple((cut.start, cut.end, cut.pause) for cut in heard.cuts))
        for heard in as_a_worker_hears(sound)
    ]


@contextmanager
def hosts(folder: Path, count: int) -> Iterator[list[str]]:
    """So many speech hosts; gives their addresses, all at one port."""
    made = Stack(folder, ("sts",), {**LIGHT_VOICE, "ASR_ENGINE": "pocketsphinx", "LOG_LEVEL": "warning"})
    folder.mkdir(parents=True, exist_ok=True)
    port = made.settings.sts_port
    names = [f"127.0.0.{number + 1}" for number in range(count)]
    with ExitStack() as stack:
        for name in names:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.stand_ins.speech_host"],
                cwd=folder,
                env=made.environment | {"BIND_ADDRESS": name},
                stdout=log,
                stderr=log,
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        for name in names:
            wait_for(f"{name} healthy", partial(answers, f"http://{name}:{port}/health"), 60.0, 0.2)
        yield [f"ws://{name}:{port}" for name in names]


def shared_out(addresses: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Whom each of so many dubs asks, as the dubber's pool says."""
    port = addresses[0].rpartition(":")[2]

    async def resolve(_: str, __: int) -> Sequence[str]:
        return [address.removeprefix("ws://").rpartition(":")[0] for address in addresses]

    pool = SpeechPool([f"dns+ws://pool:{port}"], lambda *_: None, resolve)
    asyncio.run(pool.look())
    return [pool.join(number) for number in range(count)]


def begun(addresses: Sequence[str], begins: Sequence[float]) -> list[Dub]:
    """Dubs that begin at these times, shared out over the hosts."""
    dubs = []
    for asks, at in zip(shared_out(addresses, len(begins)), begins, strict=True):
        told: list[Told] = []
        client = StsClient(asks, Config(source="en", target="es"), KEPT, partial(note, told))
        dubs.append(Dub(client, told, at))
    return dubs


def note(told: list[Told], answer: Answer) -> None:
    """An answer, as the client tells it."""
    told.append(Told(time.monotonic(), answer.seconds, answer.code))


def play(dubs: Sequence[Dub], seconds: float) -> float:
    """Sends every dub's sound as time goes by, over and over, for so many seconds; when that began."""
    said = steps()
    samples = round(len(said) * A_BLOCK * RECOGNISER_RATE)
    # When a dub's next step is due, which dub, and how many steps it has sent.
    due = [(dub.begins, number, 0) for number, dub in enumerate(dubs)]
    heapq.heapify(due)
    began = time.monotonic()
    try:
        while due[0][0] < seconds:
            at, number, sent = due[0]
            time.sleep(max(0.0, began + at - time.monotonic()))
            if not sent:
                dubs[number].client.start()
            rounds, place = divmod(sent, len(said))
            send(dubs[number], said[place], rounds * samples)
            heapq.heapreplace(due, (at + A_BLOCK, number, sent + 1))
    finally:
        for dub in dubs:
            if dub.client.alive:
                dub.client.close()
    return began


def send(dub: Dub, step: Step, moved: int) -> None:
    """A step, later by so many samples than it was said."""
    for position, pcm in step.sounds:
        dub.client.send_sound(moved + position, pcm)
    for start, end, pause in step.marks:
        dub.asked += 1
        dub.client.ask(
            PhraseMark(id=dub.asked, start=moved + start, end=moved + end, deadline=DEADLINE, pause=pause)
        )


def main() -> None:
    """Prints the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pool", description=__doc__)
    parser.add_argument("--hosts", default="1,4", help="numbers of hosts, separated by commas")
    parser.add_argument("--offered", type=int, default=8, help="dubs that each host is offered")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each number is measured")
    options = parser.parse_args()
    # Dubs that go from host to host would say so hundreds of times.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows = []
    for count in (int(each) for each in options.hosts.split(",")):
        offered = count * options.offered
        print(f"{count} hosts, {offered} dubs offered", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder, hosts(Path(folder), count) as addresses:
            dubs = begun(addresses, [BEGIN_OVER * number / offered for number in range(offered)])
            since = play(dubs, SETTLES + options.seconds) + SETTLES
        carried = [told for dub in dubs if share_in_time(told := dub.between(since)) >= IN_TIME]
        took = spread([each.seconds for told in carried for each in told])
        rows.append((count, len(dubs), len(carried), took))
    print(machine().partition("\n")[0], f"\nA piece takes {PIECE:g} s of a host's stand-in.\n", sep="\n")
    print("| hosts | dubs offered | dubs in time | against one host | an answer, p50 / p95 |")
    print("|---:|---:|---:|---:|---:|")
    for count, of_all, carried_count, took in rows:
        ratio = carried_count / max(1, rows[0][2])
        times = f"{took.p50:.2f} / {took.p95:.2f} s"
        print(f"| {count} | {of_all} | {carried_count} | {ratio:.2f} | {times} |")


if __name__ == "__main__":
    main()
