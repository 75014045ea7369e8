"""A file's sound cut into pieces at quiet places, with an outline of it for the player."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterable, Iterator
from uuid import UUID

import numpy as np

from app.archive.storage import PEAKS, Storage, piece
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE, Samples

LONGEST = 150.0
SHORTEST = 90.0
"""Seconds of a piece: long enough that its overhead is small, short enough to be lost and done again."""
QUIET = 0.4
"""Seconds of silence that a piece may end in."""
PEAKS_A_SECOND = 20


def pieces(blocks: Iterable[Samples]) -> Iterator[Samples]:
    """The sound in pieces of SHORTEST to LONGEST, each ending at a quiet place; together they are all."""
    waiting: list[Samples] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += block.size
        if size >= LONGEST * RECOGNISER_RATE:
            sound = np.concatenate(waiting)
            end = quietest(sound)
            yield sound[:end]
            waiting, size = [sound[end:]], sound.size - end
    if size:
        yield np.concatenate(waiting)


def quietest(sound: Samples) -> int:
    """The middle, in samples, of the quietest place between SHORTEST and LONGEST."""
    first = int(SHORTEST * RECOGNISER_RATE)
    window = int(QUIET * RECOGNISER_RATE)
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound[first:], dtype=np.float64))])
    return first + int(np.argmin(energy[window:] - energy[:-window])) + window // 2


class Peaks:
    """The loudest sample of each twentieth of a second, 0 to 100."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self._rest: Samples = np.zeros(0, np.float32)

    def feed(self, sound: Samples) -> None:
        """Takes more sound."""
        step = RECOGNISER_RATE // PEAKS_A_SECOND
        joined = np.concatenate([self._rest, sound])
        whole = joined.size // step * step
        loudest = np.abs(joined[:whole]).reshape(-1, step).max(axis=1)
        self.values += np.minimum(100, np.rint(loudest * 100)).astype(int).tolist()
        self._rest = joined[whole:]


def cut(blocks: Iterable[Samples], storage: Storage, known: UUID) -> list[tuple[float, float]]:
    """Writes the pieces and the outline; from where to where each is, in seconds. Raises as `blocks` does."""
    peaks = Peaks()
    spans: list[tuple[float, float]] = []
    start = 0
    for number, sound in enumerate(pieces(blocks)):
        storage.put(known, piece(number), written(sound))
        peaks.feed(sound)
        spans.append((start / RECOGNISER_RATE, (start + sound.size) / RECOGNISER_RATE))
        start += sound.size
    text = json.dumps({"a_second": PEAKS_A_SECOND, "peaks": peaks.values}, separators=(",", ":"))
    storage.put(known, PEAKS, text.encode())
    return spans


def written(sound: Samples) -> bytes:
    """A piece as WAV of 16 bits."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RECOGNISER_RATE)
        file.writeframes(to_pcm(sound))
    return content.getvalue()


def read(content: bytes) -> Iterator[Samples]:
    """A piece's sound, a second at a time."""
    with wave.open(io.BytesIO(content), "rb") as file:
        while frames := file.readframes(RECOGNISER_RATE):
            yield np.frombuffer(frames, np.int16).astype(np.float32) / np.float32(32768)
