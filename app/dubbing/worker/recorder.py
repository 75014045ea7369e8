"""Keeps both sounds of each phrase for its record, where the operator wants it. Nothing waits for it."""

from __future__ import annotations

import contextvars
import io
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import av
import numpy as np
import numpy.typing as npt
import structlog

from app.dubbing.messages import Caption, Phrase, Sounds
from app.dubbing.worker.mixer import SAMPLE_RATE as MIX_RATE
from app.speech.cutter import SAMPLE_RATE

Samples = npt.NDArray[np.float32]
Pcm = npt.NDArray[np.int16]

DUB_RATE = 24000
"""Hz. No voice speaks with more."""
MOST_OPEN = 64
MOST_WAITING = 8
SPARE_SECONDS = 3.0

log = structlog.get_logger()


@dataclass
class _Taken:
    original: Pcm
    dub: Pcm | None = None


class Recorder:
    """Hears what the recogniser hears, and adds a phrase's two sounds to its record before it is told.

    Compressing is done in a thread of its own; where that can't keep up, records go out without sounds.
    A phrase whose beginning was not heard, because recording was switched on in the middle of it, has
    none. Methods may be called from any thread and take a millisecond at most.
    """

    def __init__(self, tell: Callable[[Caption | Phrase], None], longest_phrase: float, on: bool) -> None:
        self._tell = tell
        self._kept = round((longest_phrase + SPARE_SECONDS) * SAMPLE_RATE)
        self._on = on
        self._lock = threading.Lock()
        self._heard: deque[tuple[int, Pcm]] = deque()
        self._taken: dict[int, _Taken] = {}
        self._waiting: queue.Queue[tuple[Phrase, _Taken]] = queue.Queue(MOST_WAITING)
        threading.Thread(
            target=contextvars.copy_context().run, args=(self._work,), name="recorder", daemon=True
        ).start()

    def record(self, on: bool) -> None:
        """Records from the next phrase on, or no more."""
        with self._lock:
            self._on = on
            if not on:
                self._heard.clear()
                self._taken.clear()

    def hear(self, position: int, pcm: bytes) -> None:
        """Takes the original as int16 at 16 kHz, from that sample on."""
        if not self._on:
            return
        with self._lock:
            self._heard.append((position, np.frombuffer(pcm, "<i2")))
            while self._heard[0][0] < position - self._kept:
                self._heard.popleft()

    def cut(self, id: int, start: int, end: int) -> None:
        """A phrase is the sound in [start, end), which has been heard."""
        if not self._on:
            return
        with self._lock:
            original = between(self._heard, start, end)
            if original is None:
                return
            while len(self._taken) >= MOST_OPEN:
                del self._taken[next(iter(self._taken))]
            self._taken[id] = _Taken(original)

    def placed(self, id: int, samples: Samples) -> None:
        """The phrase's dub is heard like this: mono at 48 kHz."""
        if not self._on:
            return
        dub = (np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
        with self._lock:
            if id in self._taken:
                self._taken[id].dub = dub

    def tell(self, event: Caption | Phrase) -> None:
        """Tells it on; a phrase with its sounds, a moment later, where it has any."""
        with self._lock:
            taken = self._taken.pop(event.id, None) if isinstance(event, Phrase) else None
        if taken is not None and isinstance(event, Phrase):
            try:
                self._waiting.put_nowait((event, taken))
                return
            except queue.Full:
                log.warning("a phrase is recorded without its sounds: too many at once", phrase=event.id)
        self._tell(event)

    def _work(self) -> None:
        while True:
            phrase, taken = self._waiting.get()
            try:
                dub = b"" if taken.dub is None else flac(taken.dub, MIX_RATE, DUB_RATE)
                phrase = replace(phrase, sounds=Sounds(flac(taken.original, SAMPLE_RATE, SAMPLE_RATE), dub))
            except Exception:
                log.exception("a phrase's sounds could not be compressed", phrase=phrase.id)
            self._tell(phrase)


def between(heard: deque[tuple[int, Pcm]], start: int, end: int) -> Pcm | None:
    """The samples in [start, end), or None where some of them are not there."""
    parts = []
    for position, samples in heard:
        if position <= start < position + len(samples) and start < end:
            part = samples[start - position : end - position]
            parts.append(part)
            start += len(part)
    return np.concatenate(parts) if parts and start == end else None


def flac(samples: Pcm, rate: int, out_rate: int) -> bytes:
    """A FLAC file of mono sound, resampled to `out_rate`."""
    file = io.BytesIO()
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=out_rate)
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=out_rate, layout="mono", format="s16")
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()
