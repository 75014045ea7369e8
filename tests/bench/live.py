"""`python -m tests.bench.live`: how soon live tells what was said, to one client and to many.

Every client plays the same speech in real time. The lag of a final is counted from the end of its last
word in the sound to its arrival, of a first partial from the beginning of its phrase.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from websockets.asyncio.client import connect

from app.speech.engines.piper import Piper
from app.speech.sound import Resampler
from app.speech.types import RECOGNISER_RATE, Samples
from tests.bench.report import machine
from tests.stack import Stack

RESULTS = Path(__file__).parents[2] / "docs" / "benchmarks" / "live.md"
SENTENCES = (
    "The government will help the schools.",
    "The weather will be cold in the mountains.",
    "The president of the bank said that the price of oil will rise in the spring.",
)
PAUSE = 1.0
FRAME = 4096
COUNTS = (1, 4, 6, 8, 12)
LIMIT = 3.0


@dataclass
class Lags:
    """In seconds."""

    first: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)


def speech() -> tuple[Samples, list[tuple[float, float]]]:
    """The sentences with pauses, and when each begins and ends."""
    voice, parts, spans, position = Piper(Path("no-voices")), [], [], 0.0
    for sentence in SENTENCES:
        samples, rate = voice.speak(sentence, "en", "")
        sound = Resampler(rate, RECOGNISER_RATE)(samples)
        loud = np.flatnonzero(np.abs(sound) > 0.01) / RECOGNISER_RATE
        spans.append((position + float(loud[0]), position + float(loud[-1])))
        parts += [sound, np.zeros(int(PAUSE * RECOGNISER_RATE), np.float32)]
        position += sound.size / RECOGNISER_RATE + PAUSE
    return np.concatenate(parts), spans


async def client(
    port: int, sound: Samples, spans: list[tuple[float, float]], lags: Lags, wait: float
) -> None:
    """One client, in real time; starts after `wait` seconds."""
    async with connect(f"ws://127.0.0.1:{port}/", proxy=None, compression=None) as socket:
        await socket.send(json.dumps({"uid": "bench", "language": "en"}))
        await socket.recv()
        await asyncio.sleep(wait)
        began = time.monotonic()

        async def send() -> None:
            for start in range(0, sound.size, FRAME):
                # A frame leaves when its last sample has been spoken.
                ready = began + min(start + FRAME, sound.size) / RECOGNISER_RATE
                await asyncio.sleep(max(0.0, ready - time.monotonic()))
                await socket.send(sound[start : start + FRAME].tobytes())
            await socket.send(b"END_OF_AUDIO")

        sending = asyncio.create_task(send())
        seen, known = set(), set()
        async for message in socket:
            now = time.monotonic() - began
            for each in json.loads(message)["segments"]:
                middle = (float(each["start"]) + float(each["end"])) / 2
                phrase = min(range(len(spans)), key=lambda n: abs(middle - sum(spans[n]) / 2))
                if each["completed"] and each["start"] not in seen:
                    seen.add(each["start"])
                    lags.final.append(now - float(each["end"]))
                elif not each["completed"] and phrase not in known:
                    known.add(phrase)
                    lags.first.append(now - spans[phrase][0])
        await sending


def measured(
    stack: Stack, count: int, sound: Samples, spans: list[tuple[float, float]]
) -> tuple[Lags, float]:
    """The lags of so many clients at once, and the processor time of a client in cores."""
    lags, process = Lags(), psutil.Process(stack.processes["live"].pid)

    async def all_clients() -> None:
        each = (client(stack.settings.live_port, sound, spans, lags, n / count) for n in range(count))
        await asyncio.gather(*each)

    before, started = sum(process.cpu_times()[:2]), time.monotonic()
    asyncio.run(all_clients())
    seconds = time.monotonic() - started
    return lags, (sum(process.cpu_times()[:2]) - before) / seconds / count


def main() -> None:
    """Measures until the finals' p95 passes LIMIT; writes docs/benchmarks/live.md."""
    sound, spans = speech()
    lines = [
        "| clients | first partial p50 / p95 (s) | final after last word p50 / p95 (s) | cores a client |"
    ]
    lines.append("|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), ("live",), {"LIVE_MAX_CLIENTS": "64"}) as stack,
    ):
        for count in COUNTS:
            lags, cores = measured(stack, count, sound, spans)
            first, final = (np.percentile(each, [50, 95]) for each in (lags.first, lags.final))
            lines.append(
                f"| {count} | {first[0]:.2f} / {first[1]:.2f} "
                f"| {final[0]:.2f} / {final[1]:.2f} | {cores:.2f} |"
            )
            print(lines[-1], flush=True)
            if final[1] > LIMIT:
                break
    load = f"load average of the machine after it: {psutil.getloadavg()[0]:.1f}"
    about = f"`python -m tests.bench.live`, embedded recogniser; {load}."
    beside = "[Beside WhisperLive's own server](live-beside.md), both with the same model of Whisper's."
    text = ["# Live transcription", "", machine().splitlines()[0], "", about, "", *lines, "", beside, ""]
    RESULTS.write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
