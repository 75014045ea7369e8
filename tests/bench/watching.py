"""`python -m tests.bench.watching`: what a slow describer does to 1080p30, and a long time to 720p25.

Over RTSP from a real media server, decoded and looked at as commentary does it, in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil

from app.commentary.describer import Seen
from app.commentary.frames.allowed import Place
from app.commentary.frames.captured import Captured, Launcher
from app.commentary.messages import NewSession, Source
from app.commentary.reading import configured
from app.commentary.session import LiveSession
from app.commentary.speech import Speech
from app.commentary.streams import Streams
from app.commentary.translation import Translation
from app.commentary.vision import Vision
from app.demo.statistics import Spread, slope, spread
from app.render import media
from app.settings import load
from tests.bench.cost import MIB, cpu_seconds
from tests.bench.report import machine
from tests.child import Child, answers
from tests.stack import free_port

RESULT = Path(__file__).parents[2] / "docs" / "benchmarks" / "watching.md"
SETTLED = 15.0
"""Seconds after which everything is loaded that is ever loaded."""
EVERY = 2.0
TREND_FROM = 300.0
CUT_EVERY = 3


@dataclass
class SlowDescriber:
    """A stand-in for a model that sees, which takes its time; `ages` is how old its newest pictures were."""

    seconds: float
    name: str = "llm"
    problem: str = ""
    calls: int = 0
    model: Any = field(default_factory=lambda: SimpleNamespace(usage=SimpleNamespace(cost=0.0)))
    ages: list[float] = field(default_factory=list)

    async def describe(self, seen: Seen) -> str:
        """A sentence, late."""
        self.calls += 1
        self.ages.append(time.monotonic() - seen.frames[-1].arrived)
        await asyncio.sleep(self.seconds)
        return f"This is sentence {self.calls}."


@dataclass(frozen=True)
class Watched:
    """What was measured; memory in MiB, `growth` from when all had settled to the most, `slope` an hour, and
    `late_slope` that of the second half."""

    name: str
    seconds: float
    cores: float
    settled: float
    growth: float
    slope: float
    late_slope: float
    looked_at: int
    ages: Spread
    rate: float


def made(folder: Path, height: int, rate: int) -> Path:
    """A video that changes its colours every few seconds, 12 s long."""
    path = folder / f"{height}.mp4"
    width = height * 16 // 9
    turned = f"hue=h=90*floor(t/{CUT_EVERY})"
    source = f"testsrc2=size={width}x{height}:rate={rate}:duration=12,{turned}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264"]
    command += ["-preset", "veryfast", "-g", str(rate), "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)
    return path


@contextmanager
def served(folder: Path, video: Path) -> Iterator[str]:
    """The video's RTSP address while it is published, over and over."""
    rtsp, api = free_port(), free_port()
    config = folder / "mediamtx.yml"
    on = {"rtspAddress": f"127.0.0.1:{rtsp}", "rtspTransports": ["tcp"], "api": True}
    off = dict.fromkeys(("rtmp", "hls", "webrtc", "srt"), False)
    shown = {"logLevel": "warn", "apiAddress": f"127.0.0.1:{api}", "paths": {"all_others": {}}}
    config.write_text(json.dumps(on | off | shown), encoding="utf-8")
    there = f"http://127.0.0.1:{api}/v3/paths/list"
    address = f"rtsp://127.0.0.1:{rtsp}/bench"
    server = [str(media.find_binary()), str(config)]
    publisher = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(video), "-c", "copy"]
    publisher += ["-f", "rtsp", "-rtsp_transport", "tcp", address]
    with Child("the media server", server, folder / "mediamtx.log", lambda: answers(there)):
        process = subprocess.Popen(publisher, stdin=subprocess.DEVNULL)
        try:
            yield address
        finally:
            process.terminate()
            process.wait()


async def watch(name: str, address: str, seconds: float, describer: SlowDescriber | None) -> Watched:
    """Watches it for so long."""
    settings, launcher = load({}), Launcher()
    launcher.warm_up()
    asked = NewSession(source=Source(kind="rtsp", name=address), pace="lively", speech=False)
    provider = Captured(Place("rtsp", address, shown="bench", trusted=True), launcher, 0.5, 5.0)
    speech, translation, streams = Speech(settings), Translation(settings), Streams(settings)
    model, reader = cast(Vision | None, describer), configured(settings.models_dir)
    session = LiveSession("bench", asked, provider, model, speech, translation, streams, reader=reader)
    await session.open()
    await asyncio.sleep(SETTLED)
    began, used = time.monotonic(), cpu_seconds(ours())
    times, found, rates, ages = [0.0], [unshared(ours())], [], []
    while (now := time.monotonic() - began) < seconds:
        await asyncio.sleep(EVERY)
        times.append(now)
        found.append(unshared(ours()))
        rates.append(provider.health.frames_per_second)
        if provider.latest is not None:
            ages.append(time.monotonic() - provider.latest.arrived)
    cores = (cpu_seconds(ours()) - used) / (time.monotonic() - began)
    comments = len(session.comments)
    await session.close()
    launcher.close()
    for each in (speech, translation, streams):
        await each.close()
    half = len(found) // 2
    return Watched(
        name, seconds, cores, found[0], max(found) - found[0], 3600 * slope(times, found),
        3600 * slope(times[half:], found[half:]),
        describer.calls if describer else comments, spread(describer.ages if describer else ages),
        spread(rates).p50,
    )  # fmt: skip


def ours() -> list[psutil.Process]:
    """This process and its processes that decode, without the publisher and the media server."""
    own = psutil.Process()
    return [own, *(each for each in own.children(recursive=True) if "python" in each.name().lower())]


def unshared(processes: list[psutil.Process]) -> float:
    """Memory that they share with nobody, in MiB: what others do changes it not."""
    return sum(float(process.memory_full_info().uss) for process in processes) / MIB


def table(results: list[Watched]) -> str:
    """The results as Markdown."""
    rows: tuple[tuple[str, Callable[[Watched], str]], ...] = (
        ("watched for", lambda r: f"{r.seconds:.0f} s"),
        ("pictures looked at a second", lambda r: f"{r.rate:.1f}"),
        ("cores", lambda r: f"{r.cores:.2f}"),
        ("memory once settled", lambda r: f"{r.settled:.0f} MiB"),
        ("the most beyond that", lambda r: f"{r.growth:.1f} MiB"),
        ("slope", lambda r: trend(r, r.slope)),
        ("slope of the second half", lambda r: trend(r, r.late_slope)),
        ("described", lambda r: str(r.looked_at)),
        ("age of the picture, p50 / p99", lambda r: f"{1000 * r.ages.p50:.0f} / {1000 * r.ages.p99:.0f} ms"),
    )
    lines = [f"| | {' | '.join(r.name for r in results)} |", f"|---|{'---:|' * len(results)}"]
    lines += [f"| {name} | {' | '.join(cell(r) for r in results)} |" for name, cell in rows]
    return "\n".join(lines)


def trend(result: Watched, slope: float) -> str:
    """A slope for people; of a few minutes there is none."""
    return f"{slope:+.1f} MiB/h" if result.seconds >= TREND_FROM else ""


def main() -> None:
    """Prints the table and writes it into docs/benchmarks/watching.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.watching", description=__doc__)
    parser.add_argument("--slow", type=float, default=60.0, help="seconds with the slow describer")
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes without one")
    options = parser.parse_args()
    results = []
    cases = (
        ("1080p30, a describer that takes 5 s", 1080, 30, options.slow, SlowDescriber(5.0)),
        ("720p25, no model", 720, 25, 60 * options.minutes, None),
    )
    for name, height, rate, seconds, describer in cases:
        with tempfile.TemporaryDirectory() as folder:
            video = made(Path(folder), height, rate)
            with served(Path(folder), video) as address:
                results.append(asyncio.run(watch(name, address, seconds, describer)))
        print(table(results[-1:]), flush=True)
    about = (
        "One session of commentary over RTSP, its decoding process and what reads text included, with a cut "
        f"every {CUT_EVERY} s.\nMemory is what is shared with nobody. A picture's age is the time from its "
        "arrival to the describer; without a model\nit is that of the newest picture at any time, of five a "
        "second. Memory is to grow by less than 50 MiB, and a describer\nto get pictures younger than 200 ms"
        ". `make watching MINUTES=60` writes this."
    )
    text = "\n\n".join(["# Watching", machine().partition("\n")[0], about, table(results)])
    RESULT.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
