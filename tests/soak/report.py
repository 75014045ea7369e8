"""What a soak found, as Markdown, and how sizes went, as a plot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.demo.statistics import slope
from tests.soak.judge import Interruption
from tests.soak.plan import Fault

SETTLED = 0.1
"""The part of the time after which sizes have settled: slopes are taken from there on."""
HOUR = 3600.0


@dataclass(frozen=True)
class Sample:
    """Sizes at a time: of each kind of process memory (MiB), descriptors and threads; lag (s), disk (MiB)."""

    at: float
    sizes: Mapping[str, tuple[float, int, int]]
    lag: float | None
    disk: float


@dataclass
class Findings:
    """What was measured. `healed`: seconds until all streams were dubbed again; None where they weren't."""

    seed: int
    streams: int
    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    healed: list[tuple[Fault, float | None]] = field(default_factory=list)
    interruptions: list[tuple[Interruption, Fault | None]] = field(default_factory=list)
    phrases: Mapping[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """What must not be, one line each."""
        unhealed = [
            f"{fault.kind.name} at {fault.at:.0f} s was not healed"
            for fault, took in self.healed
            if took is None
        ]
        silent = [
            f"stream {one.stream} was silent for {one.seconds:.1f} s from {one.start:.0f} s on, by no fault"
            for one, why in self.interruptions
            if why is None
        ]
        return unhealed + silent

    def slopes(self) -> dict[str, tuple[float, float, float]]:
        """Of each kind of process the trend an hour of memory (MiB), descriptors and threads."""
        settled = [each for each in self.samples if each.at >= SETTLED * self.seconds]
        times = [each.at for each in settled]
        kinds = self.samples[0].sizes if self.samples else {}
        return {
            kind: tuple(HOUR * slope(times, [each.sizes[kind][of] for each in settled]) for of in range(3))  # type: ignore[misc]
            for kind in kinds
        }

    def trend(self, of: str) -> float:
        """The trend an hour of `lag` (s) or `disk` (MiB)."""
        found = [(each.at, getattr(each, of)) for each in self.samples if getattr(each, of) is not None]
        settled = [(at, value) for at, value in found if at >= SETTLED * self.seconds]
        return HOUR * slope([at for at, _ in settled], [value for _, value in settled])

    def text(self) -> str:
        """All of it as Markdown."""
        done = sum(took is not None for _, took in self.healed)
        lines = [
            f"{self.seconds / 60:.0f} minutes, {self.streams} streams, {len(self.healed)} faults (seed "
            f"{self.seed}): {done} healed by themselves, {len(self.problems)} problems.",
            "",
            "| fault | times | dubbed again after: median, longest | viewers heard nothing for, at most |",
            "|---|---|---|---|",
        ]
        longest: dict[str, float] = defaultdict(float)
        for one, why in self.interruptions:
            if why is not None:
                longest[why.kind.name] = max(longest[why.kind.name], one.seconds)
        by_kind: dict[str, list[float]] = defaultdict(list)
        for fault, took in self.healed:
            by_kind[fault.kind.name].append(float("inf") if took is None else took)
        for kind, waits in sorted(by_kind.items()):
            middle = sorted(waits)[len(waits) // 2]
            silence = f"{longest[kind]:.1f} s" if kind in longest else "-"
            lines.append(f"| {kind} | {len(waits)} | {middle:.1f} s, {max(waits):.1f} s | {silence} |")
        lines += [
            "",
            "| process | memory an hour | descriptors an hour | threads an hour |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {kind} | {memory:+.1f} MiB | {descriptors:+.1f} | {threads:+.1f} |"
            for kind, (memory, descriptors, threads) in self.slopes().items()
        ]
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.phrases.items() if count)
        lines += [
            "",
            f"Lag {self.trend('lag'):+.3f} s an hour, disk {self.trend('disk'):+.1f} MiB an hour.",
            f"Phrases: {counts}.",
            *[f"- **{problem}**" for problem in self.problems],
        ]
        return "\n".join(lines)


def plot(found: Findings, to: Path) -> None:
    """Lag, memory and descriptors over time, with the faults as lines, as an SVG file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "soak"
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(3, 1, sharex=True, figsize=(9, 7), layout="constrained")
    minutes = [each.at / 60 for each in found.samples]
    lags: Sequence[float] = [float("nan") if each.lag is None else each.lag for each in found.samples]
    rows[0].plot(minutes, lags)
    rows[0].set_ylabel("lag of the dubs, p95 (s)")
    for of, (row, label) in enumerate(zip(rows[1:], ("memory (MiB)", "descriptors"), strict=True)):
        for kind in found.samples[0].sizes:
            row.plot(minutes, [each.sizes[kind][of] for each in found.samples], label=kind)
        row.set_ylabel(label)
    rows[1].legend(loc="upper right", ncols=3, fontsize="small")
    for row in rows:
        for fault, _ in found.healed:
            row.axvline(fault.at / 60, color="0.85", linewidth=0.7, zorder=0)
    rows[2].set_xlabel("minutes; each line is a fault")
    figure.savefig(to, metadata={"Date": None})
    pyplot.close(figure)
