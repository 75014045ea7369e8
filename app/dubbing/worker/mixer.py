"""Mixes dubs over the original sound, gapless, on the output's timeline. Pure: arrays in, arrays out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

SAMPLE_RATE = 48000
CHANNELS = 2
DUCK = 0.2
ATTACK = round(0.050 * SAMPLE_RATE)
RELEASE = round(0.300 * SAMPLE_RATE)
EDGE_FADE = round(0.015 * SAMPLE_RATE)
CEILING = 10 ** (-1 / 20)
KNEE = 10 ** (-3 / 20)


@dataclass(frozen=True)
class _Clip:
    start: int
    samples: Samples

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


@dataclass(frozen=True)
class _Replaced:
    """Where the voice is left out for a dub."""

    start: int
    end: int


class Mixer:
    """The original sound with dubs over it, read in order, sample by sample.

    Positions are sample indexes at 48 kHz on the output's timeline. The original is stereo, shape
    (n, 2); a dub is mono, shape (n,). Where no original has been written there is silence; where no
    dub is placed the original is left exactly as it came, and under one it has the gain `duck`. The
    result doesn't depend on the sizes of the blocks it is read in. In `untouched`, from one position to
    another, the original is as it came whatever is placed there.

    `replaces`: the original is the voice alone. It is left out where a dub is heard and where that was said,
    and what else is heard comes as a background, which stays as loud as it is all the time.
    """

    def __init__(self, capacity_seconds: float, duck: float = DUCK) -> None:
        self._duck = duck
        self._capacity = round(capacity_seconds * SAMPLE_RATE)
        self._ring: Samples = np.zeros((self._capacity, CHANNELS), np.float32)
        self._background: Samples | None = None
        self._clips: deque[_Clip] = deque()
        self._replaced: deque[_Replaced] = deque()
        self.replaces = False
        self._read = 0
        self._end = 0
        self.lost_samples = 0
        self.untouched: tuple[tuple[int, int], ...] = ()

    @property
    def position(self) -> int:
        """The next sample to be read."""
        return self._read

    @property
    def end(self) -> int:
        """The position after all sound that it has been given."""
        return self._end

    def free_from(self) -> int:
        """The earliest position at which another dub can start."""
        earliest = self._read + ATTACK
        return max(earliest, self._clips[-1].end) if self._clips else earliest

    def write_original(self, position: int, samples: Samples) -> None:
        """Puts original sound at its place. What is too late or too far ahead is lost, and counted."""
        self._write(self._ring, position, samples)

    def write_background(self, position: int, samples: Samples) -> None:
        """Puts what is heard beside the voice at its place, as `write_original` does."""
        if self._background is None:
            self._background = np.zeros((self._capacity, CHANNELS), np.float32)
        self._write(self._background, position, samples)

    def _write(self, into: Samples, position: int, samples: Samples) -> None:
        start = max(position, self._read)
        end = min(position + len(samples), self._read + self._capacity)
        self.lost_samples += len(samples) - max(0, end - start)
        if end <= start:
            return
        self._end = max(self._end, end)
        part = samples[start - position : end - position]
        for ring, source in self._spans(start, end):
            into[ring] = part[source]

    def place(self, samples: Samples, start: int, said: tuple[int, int] | None = None) -> int:
        """Places a dub at `start`, or as soon after it as it can be heard whole; returns where.

        `said` is where that is said in the original, from one position to another.
        """
        start = max(start, self.free_from())
        self._clips.append(_Clip(start, fade_edges(samples)))
        if said is not None and said[1] > self._read + ATTACK:
            self._replaced.append(_Replaced(max(said[0], self._read + ATTACK), said[1]))
        self._end = max(self._end, start + len(samples))
        return start

    def clear_dubs(self) -> None:
        """Drops the dubs to come, and fades the one that is playing."""
        playing = [clip for clip in self._clips if clip.start < self._read]
        self._clips.clear()
        for clip in playing:
            rest = clip.samples[: self._read - clip.start + EDGE_FADE]
            self._clips.append(_Clip(clip.start, fade_out(rest, EDGE_FADE)))
        begun = [each for each in self._replaced if each.start - ATTACK < self._read]
        self._replaced = deque(_Replaced(each.start, min(each.end, self._read)) for each in begun)

    def skip_to(self, position: int) -> None:
        """Moves on without reading, as after a stall; what lies between is lost."""
        if position > self._read:
            self._erase(self._read, min(position, self._read + self._capacity))
            self._read = position
            self._forget_played()

    def read(self, count: int) -> Samples:
        """The next `count` samples, shape (count, 2)."""
        if count > self._capacity:
            raise ValueError(f"at most {self._capacity} samples can be read at once, not {count}")
        start, end = self._read, self._read + count
        block: Samples = np.empty((count, CHANNELS), np.float32)
        for ring, target in self._spans(start, end):
            block[target] = self._ring[ring]
        background = self._background_of(start, end)
        self._erase(start, end)
        gain = self._gain(start, end)
        if gain is None and background is not None:
            block = limit(block + background)
        elif gain is not None:
            dub = self._dub(start, end)
            if self.untouched:
                heard = self._heard(start, end)
                gain, dub = 1 - (1 - gain) * heard, dub * heard
            mixed = block * gain[:, None] + dub[:, None]
            if background is None:
                block = np.where(gain[:, None] < 1.0, limit(mixed), mixed)
            else:
                block = limit(mixed + background)
        self._read = end
        self._forget_played()
        return block

    def _dub(self, start: int, end: int) -> Samples:
        """The dubs in [start, end), shape (n,)."""
        dub = np.zeros(end - start, np.float32)
        for clip in self._clips:
            first, last = max(start, clip.start), min(end, clip.end)
            if first < last:
                dub[first - start : last - start] += clip.samples[first - clip.start : last - clip.start]
        return dub

    def _gain(self, start: int, end: int) -> Samples | None:
        """The gain of the original in [start, end), or None where nothing ducks it."""
        if self.replaces:
            return self._gain_of_replaced(start, end)
        gain: Samples | None = None
        for clip in self._clips:
            if clip.start - ATTACK >= end or clip.end + RELEASE <= start:
                continue
            if gain is None:
                gain = np.ones(end - start, np.float32)
            at = np.arange(end - start, dtype=np.float32)
            down = (np.float32(clip.start - start) - at) / np.float32(ATTACK)
            up = (at - np.float32(clip.end - 1 - start)) / np.float32(RELEASE)
            depth = np.clip(np.maximum(down, up), 0.0, 1.0)
            gain = np.minimum(gain, (self._duck + (1 - self._duck) * depth).astype(np.float32))
        return gain

    def _gain_of_replaced(self, start: int, end: int) -> Samples | None:
        """The same where nothing of the voice is heard when a dub speaks instead."""
        gain: Samples | None = None
        spans: list[_Replaced | _Clip] = [*self._replaced, *self._clips]
        for span in spans:
            if span.start - ATTACK >= end or span.end + ATTACK <= start:
                continue
            at = np.arange(start, end, dtype=np.float64)
            away = np.maximum(span.start - at, at - (span.end - 1)) / ATTACK
            left = np.clip(away, 0.0, 1.0).astype(np.float32)
            gain = left if gain is None else np.minimum(gain, left)
        return gain

    def _background_of(self, start: int, end: int) -> Samples | None:
        """What is heard beside the voice in [start, end); None where that is not kept apart."""
        if self._background is None:
            return None
        if not self.replaces:
            self._background = None
            return None
        block: Samples = np.empty((end - start, CHANNELS), np.float32)
        for ring, target in self._spans(start, end):
            block[target] = self._background[ring]
        return block

    def _heard(self, start: int, end: int) -> Samples:
        """The gain of dubs in [start, end): none in what is untouched, with fades before it and after it."""
        heard = np.ones(end - start, np.float32)
        at = np.arange(start, end)
        for first, last in self.untouched:
            outside = np.maximum(first - at, at - (last - 1))
            heard = np.minimum(heard, np.clip(outside / EDGE_FADE, 0.0, 1.0)).astype(np.float32)
        return heard

    def _forget_played(self) -> None:
        while self._replaced and self._replaced[0].end + ATTACK <= self._read:
            self._replaced.popleft()
        while self._clips and self._clips[0].end + RELEASE <= self._read:
            self._clips.popleft()

    def _erase(self, start: int, end: int) -> None:
        for ring, _ in self._spans(start, end):
            self._ring[ring] = 0.0
            if self._background is not None:
                self._background[ring] = 0.0

    def _spans(self, start: int, end: int) -> list[tuple[slice, slice]]:
        """Pairs of slices: in the ring, and in an array that holds [start, end)."""
        first = start % self._capacity
        length = end - start
        until_wrap = min(length, self._capacity - first)
        spans = [(slice(first, first + until_wrap), slice(0, until_wrap))]
        if until_wrap < length:
            spans.append((slice(0, length - until_wrap), slice(until_wrap, length)))
        return spans


def limit(samples: Samples) -> Samples:
    """Bends what is louder than -3 dBFS towards a ceiling of -1 dBFS, and leaves the rest alone."""
    loud = np.abs(samples)
    room = CEILING - KNEE
    bent = KNEE + room * np.tanh((loud - KNEE) / room)
    limited: Samples = np.where(loud > KNEE, np.sign(samples) * bent, samples).astype(np.float32)
    return limited


def fade_edges(samples: Samples) -> Samples:
    """The sound with 15 ms fades at both ends, so that it neither starts nor stops with a click."""
    length = min(EDGE_FADE, len(samples) // 2)
    faded = fade_out(samples, length)
    if length:
        faded[:length] *= np.linspace(0.0, 1.0, length, dtype=np.float32)
    return faded


def fade_out(samples: Samples, length: int) -> Samples:
    """A copy of the sound whose last `length` samples fade to nothing."""
    faded = samples.astype(np.float32, copy=True)
    length = min(length, len(faded))
    if length:
        faded[-length:] *= np.linspace(1.0, 0.0, length, dtype=np.float32)
    return faded
