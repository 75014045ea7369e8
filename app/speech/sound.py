"""Sound as numbers: PCM to float32 and back, sample rates, silence at the edges. Pure."""

from __future__ import annotations

import numpy as np

from app.speech.types import Samples

SILENCE = 0.004
"""Amplitude (-48 dBFS) below which a synthesised voice is silent."""


def from_pcm(pcm: bytes) -> Samples:
    """int16 little-endian mono PCM as float32 in [-1, 1)."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)


def to_pcm(samples: Samples) -> bytes:
    """float32 in [-1, 1] as int16 little-endian PCM; what lies outside is clipped, NaN is silence."""
    clean = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(np.rint(clean * 32768), -32768, 32767).astype("<i2").tobytes()


def trimmed(samples: Samples, sample_rate: int, keep: float = 0.02) -> Samples:
    """The samples without the silence at both ends, but for `keep` seconds of it."""
    loud = np.flatnonzero(np.abs(samples) > SILENCE)
    if loud.size == 0:
        return samples[:0]
    margin = int(keep * sample_rate)
    return samples[max(0, int(loud[0]) - margin) : int(loud[-1]) + 1 + margin]


class Resampler:
    """Streaming change of sample rate by linear interpolation behind a moving-average low pass.

    Good enough for a recogniser (which hears up to 6.8 kHz); keeps its phase across blocks, so that
    n input samples give n * out / in output samples in the long run.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self.step = source_rate / target_rate
        self.width = max(1, round(self.step))
        self.tail: Samples = np.zeros(0, np.float32)
        self.last: Samples = np.zeros(1, np.float32)
        self.position = 1.0

    def __call__(self, samples: Samples) -> Samples:
        """The next block at the target rate."""
        if self.step == 1.0:
            return samples
        if self.width > 1:
            whole = np.concatenate([self.tail, samples])
            self.tail = whole[max(0, whole.size - self.width + 1) :]
            if whole.size < self.width:
                return np.zeros(0, np.float32)
            sums = np.cumsum(np.concatenate([[0.0], whole.astype(np.float64)]))
            samples = ((sums[self.width :] - sums[: -self.width]) / self.width).astype(np.float32)
        if samples.size == 0:
            return samples
        line = np.concatenate([self.last, samples])
        count = max(0, int(np.floor((line.size - 1 - self.position) / self.step)) + 1)
        places = self.position + self.step * np.arange(count)
        self.position = float(self.position + self.step * count - samples.size)
        self.last = line[-1:]
        resampled: Samples = np.interp(places, np.arange(line.size), line).astype(np.float32)
        return resampled
