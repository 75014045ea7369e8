"""What it costs to tell a live stream's speakers apart, and how often they are told right.

`python -m tests.bench.speakers` dubs a made dialogue through the real sts, by turns with and without telling
speakers apart, and prints for each phrase's answer how long it took.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
from websockets.sync.client import connect

from app.speech.protocol import Config, PhraseMark, Speakers, pack_sound
from app.speech.types import RECOGNISER_RATE
from tests.dialogue import as_a_worker_hears, dialogue, who_says
from tests.stack import Stack

ROUNDS = 2
FIRST = 10.0
DEADLINE = 30.0
WITHIN = 60.0


def one(address: str, *, on: bool) -> tuple[list[float], list[float], list[tuple[str, int]]]:
    """Seconds to each answer and of each recognition; who says a phrase and was taken to, after FIRST."""
    sound, turns = dialogue()
    took, recognised, told = [], [], []
    with connect(f"{address}?tell=speaker", max_size=None, proxy=None) as socket:
        socket.send(Config(source="en", target="es").model_dump_json())
        socket.recv(timeout=WITHIN)
        socket.send(Speakers(on=on).model_dump_json())
        asked = 0
        for heard in as_a_worker_hears(sound):
            for position, pcm in heard.sounds:
                socket.send(pack_sound(position, pcm))
            for cut in heard.cuts:
                asked += 1
                mark = PhraseMark(id=asked, start=cut.start, end=cut.end, deadline=DEADLINE, pause=cut.pause)
                started = time.monotonic()
                socket.send(mark.model_dump_json())
                answer = json.loads(socket.recv(timeout=WITHIN))
                took.append(time.monotonic() - started)
                if answer["type"] != "dub":
                    continue
                if answer["samples"]:
                    socket.recv(timeout=WITHIN)
                recognised.append(answer["timings"]["recognise"])
                start, end = cut.start / RECOGNISER_RATE, cut.end / RECOGNISER_RATE
                if on and start >= FIRST:
                    told.append((who_says(turns, start, end), answer["speaker"]["number"]))
    return took, recognised, told


def main() -> None:
    """Prints the figures."""
    extra = {"TTS_ENGINE": "pico"}
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ("sts",), extra) as sts:
        port = sts.settings.sts_port
        took: dict[bool, list[float]] = {True: [], False: []}
        recognised: list[float] = []
        for _ in range(ROUNDS):
            for on in (True, False):
                times, heard, told = one(f"ws://127.0.0.1:{port}/sts", on=on)
                took[on] += times
                recognised += heard
                if on:
                    right = dict(reversed(told[: len(told) // 2]))
                    share = sum(right[who] == number for who, number in told) / len(told)
                    speakers = len({number for _, number in told})
                    print(f"right {share:.3f} of {len(told)} phrases, {speakers} speakers", flush=True)
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        total, count = (
            float(re.findall(rf"^sts_speaker_seconds_{each} (\S+)", metrics, re.MULTILINE)[0])
            for each in ("sum", "count")
        )
        for on, times in took.items():
            middle, most = np.percentile(times, [50, 95])
            print(f"speakers {'on' if on else 'off'}: answer {middle:.3f} s, 95 in 100 within {most:.3f} s")
        print(f"telling: {total / count:.3f} s a phrase; recognition: {np.median(recognised):.3f} s")


if __name__ == "__main__":
    main()
