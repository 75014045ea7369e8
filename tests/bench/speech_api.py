"""`python -m tests.bench.speech_api`: how long asr and tts take, beside the engine alone.

Both hear and speak the same in the same run; the ratio is what the API costs.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path

import httpx2
import numpy as np
import openai
import psutil

from app.speech.engines.piper import Piper
from app.speech.engines.pocketsphinx import PocketSphinx
from app.speech.sound import Resampler, to_pcm
from app.speech.types import RECOGNISER_RATE, Samples
from tests.bench.report import machine
from tests.stack import Stack

RESULT = Path(__file__).parents[2] / "docs" / "benchmarks" / "speech-api.md"
TEXT = (
    "The government will help the schools. The weather will be cold in the mountains. "
    "The president of the bank said that the price of oil will rise in the spring. "
)
COPIES = 2
ROUNDS = 3


def timed(doing: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    doing()
    return time.perf_counter() - started


def wav(samples: Samples, rate: int) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(to_pcm(samples))
    return file.getvalue()


def heard_alone(recogniser: PocketSphinx, samples: Samples) -> None:
    """The engine alone, over a whole file."""
    session = recogniser.session("en")
    for start in range(0, samples.size, RECOGNISER_RATE):
        session.feed(samples[start : start + RECOGNISER_RATE])
    session.commit(samples.size / RECOGNISER_RATE, pause=True)
    session.close()


def table(figures: dict[str, list[float]], memory: dict[str, float]) -> str:
    """The medians as Markdown."""
    middle = {name: statistics.median(each) for name, each in figures.items()}
    lines = [
        "| service | real-time factor | engine alone | ratio | first sound (s) | memory (MB) |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("asr", "tts"):
        ours, alone = middle[name], middle[f"{name} alone"]
        first = f"{middle['first sound']:.2f}" if name == "tts" else ""
        cells = (f"{ours:.3f}", f"{alone:.3f}", f"{ours / alone:.2f}", first, f"{memory[name]:.0f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the figures and writes them into docs/benchmarks/speech-api.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speech_api", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is timed")
    rounds: int = parser.parse_args().rounds
    piper, sphinx = Piper(Path("no-voices")), PocketSphinx(background=False)
    sphinx.load()
    speech, rate = piper.speak(TEXT, "en", "")
    sound = np.tile(np.concatenate([speech, np.zeros(rate // 2, np.float32)]), COPIES)
    at_16 = Resampler(rate, RECOGNISER_RATE)(sound)
    seconds, file = sound.size / rate, wav(sound, rate)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ("asr", "tts")) as running:
        asr, tts = (
            openai.OpenAI(
                base_url=f"http://127.0.0.1:{port}/v1",
                api_key="none",
                http_client=httpx2.Client(trust_env=False, timeout=120.0),
            )
            for port in (running.settings.asr_port, running.settings.tts_port)
        )

        def hear() -> None:
            asr.audio.transcriptions.create(model="whisper-1", file=("a.wav", file))

        def speak() -> None:
            tts.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format="pcm")

        def first_sound() -> None:
            with tts.audio.speech.with_streaming_response.create(
                model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
            ) as answer:
                next(answer.iter_bytes(1024))

        hear()
        speak()
        names = ("asr", "asr alone", "tts", "tts alone", "first sound")
        figures: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            figures["asr alone"].append(timed(lambda: heard_alone(sphinx, at_16)) / seconds)
            figures["asr"].append(timed(hear) / seconds)
            figures["tts alone"].append(timed(lambda: piper.speak(TEXT, "en", "")) * rate / speech.size)
            figures["tts"].append(timed(speak) * rate / speech.size)
            figures["first sound"].append(timed(first_sound))
        memory = {
            name: psutil.Process(running.processes[name].pid).memory_info().rss / 1e6
            for name in ("asr", "tts")
        }
    sphinx.close()
    found = table(figures, memory)
    print(found)
    about = (
        f"asr hears {seconds:.0f} s of speech, tts speaks {speech.size / rate:.0f} s, each {rounds} times, "
        "in turn with the engine alone\nin this process (median). Real-time factor: seconds of work for a "
        "second of sound. `python -m tests.bench.speech_api`\nwrites this."
    )
    load = f"Load average of the machine after it: {psutil.getloadavg()[0]:.1f}."
    text = "\n\n".join(["# Speech API", machine().partition("\n")[0], about, found, load])
    RESULT.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
