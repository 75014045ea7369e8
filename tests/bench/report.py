"""The bench's results as Markdown and as a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from app import __version__
from tests.bench.cost import Cost
from tests.bench.run import Result

PARTS = ("workers", "sts", "media", "dubber", "measuring")
NOTES = """\
Every stream is the sample broadcast (640x360 H.264 at 25 frames a second, AAC), published over RTMP,
dubbed from English into Spanish by Whisper, Apertium and Pico or Kokoro in the profile `live`, and read
over RTMP by a process that decodes the frame number in each picture and the beeps in the sound.

- *picture delay*: from sending a picture to receiving it; p50 over all streams, p99 and variation
  (p99 - p1) of the worst stream. *relay* is the same for `ffmpeg -c copy` from and to the same media
  server in the same run: the floor.
- *sound after picture*: how much later than its flash a beep is, by the output's timestamps.
- *dub lag*: how much later than its place a dub starts. *Slope*: its trend (Theil-Sen) in the worst stream.
- *passed through*: the original was heard, because no dub came.
- *sounds without words*: taken for speech, but nothing was recognised in them; they are no phrases.
- *cost*: cores and MiB (proportional share) for one stream: the part's total divided by the streams.
  *measuring* is what publishing and reading cost on the same machine, *others* what unrelated
  processes used: where that is much, the figures are worse than the machine can do."""


def machine() -> str:
    """What the bench ran on, in words."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, Voicestack {__version__}, {cpu_model()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB of memory, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, PyAV {version('av')}.\n\n{NOTES}"
    )


def cpu_model() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def milliseconds(seconds: float) -> str:
    """A time for a cell."""
    return f"{1000 * seconds:.0f} ms"


def share(result: Result, outcome: str) -> str:
    """How many phrases had that outcome, and their share."""
    count = result.counts[outcome]
    return f"{count} ({100 * count / result.phrases:.1f} %)" if result.phrases else str(count)


def a_stream(part: str) -> Callable[[Result], str]:
    """A cell with the cost of that part for one stream."""

    def cell(result: Result) -> str:
        cost = result.costs[part]
        return f"{cost.cores / result.streams:.3f} / {cost.pss / result.streams:.0f}"

    return cell


def total(result: Result) -> Cost:
    """The cost of the product's own processes."""
    own = [cost for part, cost in result.costs.items() if part not in ("relay", "measuring")]
    return Cost(sum(c.cores for c in own), sum(c.pss for c in own), sum(c.rss for c in own))


def median_delay(result: Result) -> float:
    """The median over the streams of their median picture delay."""
    delays = sorted(figures.delay.p50 for figures in result.figures)
    return delays[len(delays) // 2]


def worst_skew(result: Result) -> float:
    """The skew that is farthest from none, over all streams."""
    ends = [end for f in result.figures if f.skew.count for end in (f.skew.p1, f.skew.p99)]
    return max(ends, key=abs, default=0.0)


ROWS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("picture delay p50", lambda r: f"{median_delay(r):.3f} s"),
    ("picture delay p99", lambda r: f"{max(f.delay.p99 for f in r.figures):.3f} s"),
    ("picture delay variation", lambda r: milliseconds(max(f.delay.variation for f in r.figures))),
    ("relay: picture delay p50 / p99", lambda r: f"{r.relay.delay.p50:.3f} / {r.relay.delay.p99:.3f} s"),
    ("sound after picture, worst", lambda r: milliseconds(worst_skew(r))),
    ("beeps measured", lambda r: str(sum(f.skew.count for f in r.figures))),
    ("holes in the sound", lambda r: str(sum(f.gaps for f in r.figures))),
    ("longest stall", lambda r: milliseconds(max(f.longest_stall for f in r.figures))),
    ("dub lag p50", lambda r: milliseconds(r.lag.p50)),
    ("dub lag p95", lambda r: milliseconds(r.lag.p95)),
    ("dub lag p99", lambda r: milliseconds(r.lag.p99)),
    ("dub lag slope", lambda r: f"{r.lag_slope:+.3f} s/h"),
    ("phrases", lambda r: str(r.phrases)),
    ("in time", lambda r: share(r, "in_time")),
    ("late", lambda r: share(r, "late")),
    ("dropped", lambda r: share(r, "dropped")),
    ("passed through", lambda r: share(r, "passed_through")),
    ("sounds without words", lambda r: str(r.counts["wordless"])),
    ("worker restarts", lambda r: str(r.restarts)),
    ("a stream: worker, cores / MiB", a_stream("workers")),
    ("a stream: sts, cores / MiB", a_stream("sts")),
    ("a stream: media, cores / MiB", a_stream("media")),
    ("a stream: measuring, cores / MiB", a_stream("measuring")),
    ("relay: ffmpeg, cores / MiB", lambda r: f"{r.costs['relay'].cores:.3f} / {r.costs['relay'].pss:.0f}"),
    ("all services, cores / MiB", lambda r: f"{total(r).cores:.2f} / {total(r).pss:.0f}"),
    ("others on the machine, cores", lambda r: f"{r.other_cores:.2f}"),
)


def table(results: Sequence[Result]) -> str:
    """The results as a Markdown table, one column a count of streams; reasons for no dub below it."""
    heads = [f"{r.streams} stream{'s' if r.streams > 1 else ''}" for r in results]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(results)}"]
    lines += [f"| {name} | {' | '.join(cell(r) for r in results)} |" for name, cell in ROWS]
    for result in results:
        for reason, count in sorted(result.reasons.items(), key=lambda item: -item[1]):
            lines.append(f"\n{result.streams} streams, {count} phrases without a timely dub: {reason}")
    return "\n".join([*lines, ""])


def plot(results: Sequence[Result], path: Path) -> None:
    """Delay, lag and cost over the number of streams, as a PNG."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (delay, lag, cost) = pyplot.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    places = range(len(results))
    labels = [str(result.streams) for result in results]
    delay.plot(
        places, [max(f.delay.p99 for f in r.figures) for r in results], "o-", label="p99, worst stream"
    )
    delay.plot(places, [median_delay(r) for r in results], "o-", label="p50")
    delay.plot(places, [r.relay.delay.p50 for r in results], "s--", color="grey", label="plain relay p50")
    delay.axhline(3.0, color="red", linewidth=0.8, label="limit")
    delay.set(title="Picture delay", ylabel="seconds", ylim=(0, None))
    for name in ("p99", "p95", "p50"):
        lag.plot(places, [1000 * getattr(r.lag, name) for r in results], "o-", label=name)
    lag.set(title="Dub lag", ylabel="milliseconds", ylim=(0, None))
    bottom = [0.0] * len(results)
    for part in PARTS:
        cores = [r.costs[part].cores for r in results]
        cost.bar(places, cores, bottom=bottom, label=part, width=0.6)
        bottom = [below + more for below, more in zip(bottom, cores, strict=True)]
    cost.axhline(os.cpu_count() or 1, color="red", linewidth=0.8, label="the machine's cores")
    cost.set(title="CPU", ylabel="cores")
    for axes in (delay, lag, cost):
        axes.set(xlabel="streams")
        axes.set_xticks(list(places), labels)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
