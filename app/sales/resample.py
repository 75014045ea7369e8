"""Sound at another sample rate, block by block. Pure."""

from __future__ import annotations

import numpy as np

from app.sales.sound import Samples


class Resampler:
    """Streaming change of rate: a moving average as low pass, then linear interpolation.

    Enough for a recogniser; keeps its phase across blocks, so that no time is lost or made.
    """

    def __init__(self, source: int, target: int) -> None:
        self._step = source / target
        self._width = max(1, round(self._step))
        self._tail: Samples = np.zeros(0, np.float32)
        self._next = 0.0

    def __call__(self, samples: Samples) -> Samples:
        """The next block at the target rate."""
        if self._step == 1.0:
            return samples
        line = np.concatenate([self._tail, samples])
        smooth = line
        if self._width > 1 and line.size >= self._width:
            smooth = np.convolve(line, np.full(self._width, 1 / self._width), "valid").astype(np.float32)
        elif self._width > 1:
            smooth = line[:0]
        count = max(0, int(np.floor((smooth.size - 1 - self._next) / self._step)) + 1)
        places = self._next + self._step * np.arange(count)
        made: Samples = (
            np.interp(places, np.arange(smooth.size), smooth).astype(np.float32) if count else line[:0]
        )
        used = int(min(self._next + self._step * count, max(0, smooth.size)))
        self._next += self._step * count - used
        self._tail = line[used:]
        return made
