"""Hears the original sound: phrases, and the sound for the recogniser."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from app.speech.client.voice import Samples, Voice
from app.speech.cutter import SAMPLE_RATE, Cut, Cutter, Rules

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
        self._voice = Voice(self._chunk, self.pause)
        self._pre_roll: deque[tuple[int, bytes]] = deque(maxlen=PRE_ROLL_CHUNKS)
        self._send_until = 0

    def hear(self, position: int, samples: Samples) -> None:
        """Takes sound of shape (n, 2) at sample `position` (48 kHz). A step in it ends a phrase."""
        self._voice.hear(position, samples)

    def phrases_up_to(self, seconds: float) -> None:
        """Phrases last no longer than that from now on."""
        self._cutter.longest = seconds

    def pause(self) -> None:
        """The sound stops or jumps: ends the open phrase and starts afresh."""
        for cut in self._cutter.flush():
            self._on_cut(cut)
        self._voice.reset()
        self._pre_roll.clear()
        self._send_until = 0

    def _chunk(self, position: int, samples: Samples, probability: float) -> None:
        pcm = (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        cuts = self._cutter.feed(position, samples, probability)
        self._send(position, pcm)
        for cut in cuts:
            self._on_cut(cut)

    def _send(self, position: int, pcm: bytes) -> None:
        if self._cutter.listening:
            self._send_until = position + HANGOVER
        if position >= self._send_until:
            self._pre_roll.append((position, pcm))
            return
        while self._pre_roll:
            self._on_sound(*self._pre_roll.popleft())
        self._on_sound(position, pcm)
