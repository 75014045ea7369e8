"""How high a voice is: the median of its fundamental frequency, by autocorrelation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from app.speech.types import RECOGNISER_RATE, Samples

LOWEST, HIGHEST = 60.0, 400.0
"""Hz that speech is looked for in."""
FRAME, HOP = 800, 320
"""Samples of 16 kHz: three periods of the lowest voice, and 50 frames a second."""
VOICED = 0.5
"""How alike a frame is to itself a period later, from which on it is a voice's and no noise."""
QUIET = 0.25
"""Of the root mean square of the whole: what is below is a pause, or an echo."""
PREFERENCE = 0.9
"""Of the best likeness: the shortest period that has so much is taken, as a voice is alike to itself after
two of them, too."""
LEAST_FRAMES = 8


def median_pitch(sound: Samples) -> float:
    """The median in Hz of speech at 16 kHz; 0 where there is too little voice in it to tell."""
    if sound.size < FRAME:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP].astype(np.float64)
    loud = np.sqrt(np.mean(np.square(frames), axis=1))
    frames = frames[loud > QUIET * max(float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))), 1e-5)]
    if len(frames) < LEAST_FRAMES:
        return 0.0
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(frames, 2 * FRAME)) ** 2
    alike = np.fft.irfft(power)[:, :FRAME] / np.arange(FRAME, 0, -1)
    alike /= np.maximum(alike[:, :1], 1e-12)
    first, last = int(RECOGNISER_RATE / HIGHEST), int(RECOGNISER_RATE / LOWEST)
    inside = alike[:, first : last + 1]
    peaks = (inside >= alike[:, first - 1 : last]) & (inside >= alike[:, first + 1 : last + 2])
    best = np.where(peaks, inside, 0.0).max(axis=1)
    chosen = np.argmax(peaks & (inside >= PREFERENCE * best[:, None]), axis=1)
    voiced = best > VOICED
    if voiced.sum() < LEAST_FRAMES:
        return 0.0
    return float(np.median(RECOGNISER_RATE / (first + chosen[voiced])))


class Pitches(Mapping[str, float]):
    """Voices in their order, each with its pitch in Hz (0: unknown), found out when it is asked for."""

    def __init__(self, found: Mapping[str, Callable[[], float]]) -> None:
        self._found = found

    def __getitem__(self, voice: str) -> float:
        return self._found[voice]()

    def __contains__(self, voice: object) -> bool:
        return voice in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
