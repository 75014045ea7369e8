"""Brings sound to a loudness as EBU R 128 measures it, slowly enough that nobody hears it being done."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import av
import av.error
import av.filter
import numpy as np

from app.dubbing.worker.mixer import CHANNELS, SAMPLE_RATE, Samples, limit

SPAN = 600
"""Values of momentary loudness that are looked at, one each 100 ms: the last minute of sound."""
ENOUGH = 10
ABSOLUTE_GATE = -70.0
RELATIVE_GATE = -10.0
"""LUFS, and LU below the mean of what is above that: quieter is a pause (ITU-R BS.1770)."""
MOST_UP, MOST_DOWN = 20.0, -30.0
"""dB: what would need more is no programme but a fault, and would be brought up with its noise."""
SETTLING = 100
FAST, SLOW = 6.0, 1.0
"""dB a second that the gain may move by, within the first SETTLING values and after them."""
MOMENTARY = "lavfi.r128.M"


class Leveller:
    """Takes stereo sound at 48 kHz, shape (n, 2), in order; gives it back with a gain that leads to `target`.

    `target` is in LUFS. The gain follows the gated loudness of the last minute; peaks above -3 dBFS are bent.
    """

    def __init__(self, target: float) -> None:
        self.target = target
        self.gain = 0.0
        """In dB, at the end of what was given back last."""
        self._heard: deque[float] = deque(maxlen=SPAN)
        self._count = 0
        self._pts = 0
        self._graph = av.filter.Graph()
        self._into = self._graph.add(
            "abuffer",
            sample_rate=str(SAMPLE_RATE),
            sample_fmt="flt",
            channel_layout="stereo",
            time_base=f"1/{SAMPLE_RATE}",
        )
        meter = self._graph.add("ebur128", "metadata=1:peak=none")
        self._out = self._graph.add("abuffersink")
        self._into.link_to(meter)
        meter.link_to(self._out)
        self._graph.configure()

    def level(self, samples: Samples) -> Samples:
        """The sound at its new level, as long as it was."""
        if not len(samples):
            return samples
        self._measure(samples)
        before, self.gain = self.gain, self._next(len(samples) / SAMPLE_RATE)
        if before == self.gain == 0.0:
            return samples
        gains = np.linspace(before, self.gain, len(samples), dtype=np.float32)
        return limit(samples * (10.0 ** (gains / 20.0))[:, None])

    @property
    def loudness(self) -> float | None:
        """What came in the last minute, in LUFS, pauses left out; None while that is too little to say."""
        values = np.asarray(self._heard)
        if len(values) < ENOUGH:
            return None
        mean = energy_mean(values)
        return energy_mean(values[values > mean + RELATIVE_GATE])

    def _next(self, seconds: float) -> float:
        loudness = self.loudness
        if loudness is None:
            return self.gain
        wanted = min(MOST_UP, max(MOST_DOWN, self.target - loudness))
        step = (FAST if self._count < SETTLING else SLOW) * seconds
        return min(self.gain + step, max(self.gain - step, wanted))

    def _measure(self, samples: Samples) -> None:
        packed = np.ascontiguousarray(samples, dtype=np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="stereo")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._pts
        self._pts += packed.size // CHANNELS
        self._into.push(frame)
        with suppress(av.error.BlockingIOError):
            while True:
                momentary = float(self._out.pull().metadata[MOMENTARY])
                if momentary > ABSOLUTE_GATE:
                    self._heard.append(momentary)
                    self._count += 1


def energy_mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The mean of loudnesses, as energies are averaged, in LUFS."""
    return float(10.0 * np.log10(np.mean(10.0 ** (values / 10.0))))
