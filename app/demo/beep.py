"""The sample's beep, and how it is found again in a dubbed sound.

A beep is 40 ms of a 6.4 kHz tone at -20 dBFS. It is found by sliding a window of its length over the
sound above 4.8 kHz and comparing the power of the tone (Goertzel's single-bin Fourier sum, by
differences of a running sum) with all power in the window: up there speech is weak, and what it has
is noise, so that a beep is heard even while a voice speaks over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FREQUENCY = 6400.0
LOWEST = 4800.0
SECONDS = 0.04
AMPLITUDE = 0.1
EDGE_SECONDS = 0.002
LEAST_AMPLITUDE = 0.006
LEAST_PURITY = 0.4
APART = 1.0

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Beep:
    """A beep that was heard: where it starts in seconds, and the amplitude of its tone."""

    at: float
    amplitude: float


def make(rate: int) -> Sound:
    """The beep at a sample rate in Hz, float32 mono, with soft edges of 2 ms."""
    time = np.arange(round(SECONDS * rate)) / rate
    edge = np.minimum(1, np.minimum(time, time[-1] - time) / EDGE_SECONDS)
    return np.asarray(AMPLITUDE * edge * np.sin(2 * np.pi * FREQUENCY * time), dtype=np.float32)


def tone(sound: Sound, rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Amplitude of the beep's tone, and its share of all power, in the window that starts at each sample.

    Both arrays are one beep shorter than the sound, less one sample.
    """
    window = round(SECONDS * rate)
    samples = np.asarray(sound, dtype=np.float64)
    turned = samples * np.exp(-2j * np.pi * FREQUENCY * np.arange(len(samples)) / rate)
    sums = np.concatenate([[0], np.cumsum(turned)])
    powers = np.concatenate([[0], np.cumsum(samples * samples)])
    amplitude = 2 * np.abs(sums[window:] - sums[:-window]) / window
    power = np.maximum((powers[window:] - powers[:-window]) / window, 1e-12)
    return amplitude, amplitude * amplitude / 2 / power


def without_lows(sound: Sound, rate: int) -> Sound:
    """The sound above 4.8 kHz, by a windowed-sinc filter of 2 ms that moves nothing in time."""
    half = max(1, round(0.001 * rate))
    taps = np.arange(-half, half + 1)
    low = np.sinc(2 * LOWEST / rate * taps) * np.hamming(len(taps))
    filtered = sound - np.convolve(sound, low / low.sum(), mode="same")
    return np.asarray(filtered, dtype=np.float32)


def find(sound: Sound, rate: int) -> list[Beep]:
    """The beeps in a mono sound, in order, at least one second apart; `at` counts from its start."""
    if len(sound) < round(SECONDS * rate):
        return []
    amplitude, purity = tone(without_lows(sound, rate), rate)
    score = np.where((amplitude >= LEAST_AMPLITUDE) & (purity >= LEAST_PURITY), amplitude * purity, 0)
    beeps = []
    reach = round(APART * rate)
    while len(score) and (best := int(np.argmax(score))) >= 0 and score[best] > 0:
        beeps.append(Beep(best / rate, float(amplitude[best])))
        score[max(0, best - reach) : best + reach] = 0
    return sorted(beeps, key=lambda beep: beep.at)


class Listener:
    """Finds beeps in sound that arrives piece by piece; each is told once, at most 2 s late."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._held: list[Sound] = []
        self._held_samples = 0
        self._from = 0.0
        self._last = -np.inf

    def hear(self, at: float, sound: Sound) -> list[Beep]:
        """Takes a piece that starts `at` seconds; a jump in time starts afresh. Returns the new beeps."""
        expected = self._from + self._held_samples / self.rate
        if not self._held or abs(at - expected) > 0.005:
            self._held, self._held_samples, self._from = [], 0, at
        self._held.append(sound)
        self._held_samples += len(sound)
        return self._look() if self._held_samples >= 2 * self.rate else []

    def _look(self) -> list[Beep]:
        sound = np.concatenate(self._held)
        # A beep that the sound ends in looks as if it had started too early: it waits for the next look.
        settled = len(sound) / self.rate - 2 * SECONDS
        found = [
            Beep(self._from + beep.at, beep.amplitude)
            for beep in find(sound, self.rate)
            if beep.at < settled and self._from + beep.at - self._last >= APART / 2
        ]
        if found:
            self._last = found[-1].at
        keep = round(3 * SECONDS * self.rate)
        self._from += (len(sound) - keep) / self.rate
        self._held, self._held_samples = [sound[-keep:]], keep
        return found
