"""Cuts speech into phrases by voice activity. Pure: chunks in, phrases out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16000
CHUNK = 512


@dataclass(frozen=True)
class Cut:
    """A phrase as sample indexes [start, end) at 16 kHz; `pause` says that silence ended it.

    `level` is the RMS of its sound.
    """

    start: int
    end: int
    pause: bool
    level: float


@dataclass(frozen=True)
class Rules:
    """When speech begins and ends. Times in seconds.

    The values are silero VAD's own defaults but for `silence`, which is shortened so that a phrase
    ends soon after the speaker does. `window` is where, before a forced cut, the quietest place is
    looked for.
    """

    longest: float
    window: float
    threshold: float = 0.5
    hysteresis: float = 0.15
    shortest: float = 0.25
    silence: float = 0.3
    padding: float = 0.15
    guard: float = 0.1


@dataclass(frozen=True)
class _Chunk:
    start: int
    energy: float


class Cutter:
    """Turns chunks of 512 samples with their speech probability into phrases.

    Phrases are in order, never overlap, and never last longer than the rules' `longest`, or than `longest`
    here where that is lowered. Phrases of one stretch of speech join without a gap, so that no sound of it is
    lost between them.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.longest = rules.longest
        self._history: deque[_Chunk] = deque(maxlen=1 + round(rules.longest * SAMPLE_RATE / CHUNK) + 8)
        self._position: int | None = None
        self._start: int | None = None
        self._previous_end = 0
        self._speech_start: int | None = None
        self._spoken = 0
        self._last_speech_end = 0

    @property
    def listening(self) -> bool:
        """Whether there is speech, or what may turn out to be."""
        return self._speech_start is not None

    @property
    def start(self) -> int | None:
        """Where the open phrase begins; None without one."""
        return self._start

    def feed(self, position: int, samples: npt.NDArray[np.float32], probability: float) -> list[Cut]:
        """The phrases that end with this chunk. A step in `position` ends the open one."""
        cuts = []
        if self._position is not None and position != self._position:
            cuts.extend(self.flush())
        energy = float(np.mean(np.square(samples), dtype=np.float64))
        self._history.append(_Chunk(position, energy))
        self._position = end = position + len(samples)
        threshold = self._rules.threshold
        if self._start is not None or self._speech_start is not None:
            threshold -= self._rules.hysteresis
        if probability >= threshold:
            self._on_speech(position, end)
        else:
            cuts.extend(self._on_silence(end))
        if self._start is not None and end - self._start >= self._samples(
            min(self.longest, self._rules.longest)
        ):
            cuts.extend(self._force())
        return cuts

    def flush(self) -> list[Cut]:
        """Ends the open phrase, as the sound does."""
        cuts = self._close(self._position or 0, pause=True)
        self._reset()
        self._history.clear()
        self._position = None
        return cuts

    def _on_speech(self, position: int, end: int) -> None:
        if self._speech_start is None:
            self._speech_start, self._spoken = position, 0
        self._spoken += end - position
        self._last_speech_end = end
        if self._start is None and self._spoken >= self._samples(self._rules.shortest):
            padded = self._speech_start - self._samples(self._rules.padding)
            self._start = max(padded, self._previous_end, self._history[0].start)

    def _on_silence(self, end: int) -> list[Cut]:
        silent = end - self._last_speech_end
        if self._speech_start is None or silent < self._samples(self._rules.silence):
            return []
        padded = self._last_speech_end + self._samples(self._rules.padding)
        cuts = self._close(min(padded, end), pause=True)
        self._reset()
        return cuts

    def _force(self) -> list[Cut]:
        if self._start is None or self._position is None:
            return []
        if self._position - self._last_speech_end >= self._samples(self._rules.guard):
            # The speaker has just stopped: a cut before that would leave a phrase of nothing but padding.
            padded = self._last_speech_end + self._samples(self._rules.padding)
            cuts = self._close(min(padded, self._position), pause=True)
            # No reset: who goes on before `silence` is over has not stopped speaking.
            self._start = None
            return cuts
        earliest = max(
            self._position - self._samples(self._rules.window),
            self._start + self._samples(self.longest) // 3,
        )
        latest = self._position - self._samples(self._rules.guard)
        place = quietest([chunk for chunk in self._history if earliest <= chunk.start < latest])
        cuts = self._close(place if place is not None else self._position, pause=False)
        self._start = self._previous_end
        return cuts

    def _close(self, end: int, *, pause: bool) -> list[Cut]:
        if self._start is None or end <= self._start:
            return []
        energies = [chunk.energy for chunk in self._history if self._start <= chunk.start < end]
        level = float(np.sqrt(np.mean(energies))) if energies else 0.0
        self._previous_end = end
        return [Cut(self._start, end, pause, level)]

    def _reset(self) -> None:
        self._start = self._speech_start = None
        self._spoken = 0

    @staticmethod
    def _samples(seconds: float) -> int:
        return round(seconds * SAMPLE_RATE)


def quietest(chunks: list[_Chunk]) -> int | None:
    """The middle of the quietest chunk, smoothed over its neighbours; None without chunks."""
    if not chunks:
        return None
    energy = np.array([chunk.energy for chunk in chunks])
    padded = np.pad(energy, 1, mode="edge")
    smooth = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return chunks[int(np.argmin(smooth))].start + CHUNK // 2
