"""`python -m tests.soak --hours 2`: streams are dubbed while things go wrong, and everything is measured.

The supervisor of `make run` runs media server, speech service and dubber. Streams are published and watched;
meanwhile processes are killed and stalled, publishers leave and come back, strangers send garbage, packets
are lost, the disk is full and the clock steps by five seconds and back (these as root alone). It ends with 1
where a fault was not healed, or viewers heard nothing without a fault that explains it. The same seed gives
the same faults.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from app.demo.publish import ingest_address
from app.demo.read import watch_address
from app.demo.sample import sample_video
from tests.soak.faults import Doer
from tests.soak.judge import explained, interruptions
from tests.soak.people import Publisher, Watcher
from tests.soak.plan import KINDS, Fault, plan
from tests.soak.report import Findings, Sample, plot
from tests.soak.system import System
from tests.stack import wait_for

RESULT = Path(__file__).parents[2] / "docs" / "benchmarks" / "soak.md"
FAULT_EVERY = 36.0
"""Seconds: 200 in two hours."""
WARM_UP = 90.0
HEALED_WITHIN = 90.0
SAMPLE_EVERY = 5.0


class Soak:
    """One run."""

    def __init__(self, system: System, streams: int, seconds: float, faults: int, seed: int) -> None:
        self.found = Findings(seed, streams)
        self._system = system
        self._seconds = seconds
        self._faults = plan(seed, seconds, faults, streams, system.kinds)
        self._names = [f"soak{number}" for number in range(streams)]
        self._began = 0.0
        self._over = threading.Event()
        self._phrases: Counter[str] = Counter()
        self._counts: dict[str, dict[str, int]] = {}

    def run(self) -> Findings:
        """Publishes, watches, does the faults, and measures all the while."""
        video = sample_video(60.0)
        settings = self._system.settings
        publishers = [Publisher(ingest_address(settings, name), video) for name in self._names]
        watchers = [Watcher(watch_address(settings, f"dub/{name}/es")) for name in self._names]
        try:
            wait_for("all dubs", lambda: self._dubbed() or None, WARM_UP, 0.5)
            wait_for("all viewers", lambda: all(each.heard for each in watchers) or None, WARM_UP, 0.5)
            self._began = time.monotonic()
            sampling = threading.Thread(target=self._sample, daemon=True)
            sampling.start()
            doer = Doer(self._system, publishers, self._names, video, self.found.seed)
            for fault in self._faults:
                self._do(doer, fault)
            time.sleep(max(0.0, self._began + self._seconds - time.monotonic()))
            self._over.set()
            sampling.join()
        finally:
            for watcher in watchers:
                watcher.end()
            for publisher in publishers:
                publisher.end()
        self._judge(watchers)
        return self.found

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _dubbed(self) -> bool:
        dubs = [self._system.dub(name) for name in self._names]
        return all(
            dub is not None and dub["status"] == "dubbing" and dub["counts"]["in_time"] for dub in dubs
        )

    def _do(self, doer: Doer, planned: Fault) -> None:
        time.sleep(max(0.0, planned.at - self._now()))
        fault = Fault(self._now(), planned.kind, planned.stream, planned.lasts)
        doer.do(fault)
        ended = self._now()
        before = self._played()
        try:
            wait_for("dubbed again", lambda: self._again(before) or None, HEALED_WITHIN, 0.2)
        except TimeoutError:
            self.found.healed.append((fault, None))
        else:
            self.found.healed.append((fault, self._now() - ended))
        _, took = self.found.healed[-1]
        state = "NOT healed" if took is None else f"dubbed again after {took:.1f} s"
        print(f"{fault.at / 60:6.1f} min  {fault.kind.name} ({fault.lasts:.0f} s), {state}", flush=True)

    def _played(self) -> dict[str, int]:
        dubs = {name: self._system.dub(name) for name in self._names}
        return {name: dub["counts"]["in_time"] if dub else 0 for name, dub in dubs.items()}

    def _again(self, before: dict[str, int]) -> bool:
        """Whether each stream had a phrase dubbed in time since; a dub that is new counts from nothing."""
        for name, count in before.items():
            dub = self._system.dub(name)
            if dub is None or dub["status"] != "dubbing":
                return False
            now = dub["counts"]["in_time"]
            if now == count or now == 0:
                return False
            if now < count:
                before[name] = -1
        return True

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_EVERY):
            dubs = {stream["name"]: dub for stream in self._system.streams() or [] for dub in stream["dubs"]}
            for name, dub in dubs.items():
                self._count(name, dub["counts"])
            lag = max((dub["lag"]["p95"] for dub in dubs.values()), default=None)
            self.found.samples.append(Sample(self._now(), self._system.sizes(), lag, self._system.disk()))

    def _count(self, name: str, now: dict[str, int]) -> None:
        """Adds what a dub's counts have grown by; one that is new begins at nothing."""
        before = self._counts.get(name, {})
        for outcome, count in now.items():
            grown = count - before.get(outcome, 0)
            self._phrases[outcome] += grown if grown >= 0 else count
        self._counts[name] = now

    def _judge(self, watchers: list[Watcher]) -> None:
        self.found.seconds = max(self._seconds, self.found.samples[-1].at)
        self.found.phrases = self._phrases
        done = [fault for fault, _ in self.found.healed]
        for number, watcher in enumerate(watchers):
            heard = [
                replace(each, at=each.at - self._began) for each in watcher.heard if each.at >= self._began
            ]
            for one in interruptions(number, heard, self.found.samples[-1].at):
                self.found.interruptions.append((one, explained(one, done)))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--streams", type=int, default=3)
    parser.add_argument("--faults", type=int, help="how many (without it one each 36 s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the report to docs/benchmarks/soak.md")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seconds = 3600.0 * options.hours
    faults = options.faults or max(1, round(seconds / FAULT_EVERY))
    how = f"{options.streams} streams, {faults} faults in {seconds / 60:.0f} minutes, seed {options.seed}"
    print(how, flush=True)
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        for kind in KINDS:
            if kind not in system.kinds:
                print(f"left out, for it needs root ({kind.needs}): {kind.name}", flush=True)
        found = Soak(system, options.streams, seconds, faults, options.seed).run()
    print(found.text())
    if options.write:
        text = f"# Days without a fault\n\n{found.text()}\n\n![Sizes over time](soak.svg)\n"
        RESULT.write_text(text, encoding="utf-8")
        plot(found, RESULT.with_suffix(".svg"))
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
