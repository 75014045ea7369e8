"""When what is said and beeped in the sample: pure decisions from lengths alone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

from app.demo.beep import SECONDS as BEEP_SECONDS
from app.demo.picture import RATE

LEAD_IN = 0.6
SHORT_PAUSE, LONG_PAUSE = 0.3, 0.6
BEEPS_APART = 2.0
SECONDS_MULTIPLE = 8


@dataclass(frozen=True)
class Script:
    """A sample of `frames` pictures: where each sentence starts in seconds, and the frames that beep."""

    frames: int
    sentences: tuple[float, ...]
    beeps: tuple[int, ...]

    @property
    def seconds(self) -> float:
        """Length of the sample."""
        return self.frames / RATE


def whole_frames(seconds: float) -> int:
    """The least number of frames for so many seconds at which sound and picture can loop without a gap.

    8 pictures of 40 ms are 15 AAC packets of 1024 samples at 48 kHz.
    """
    return math.ceil(seconds * RATE / SECONDS_MULTIPLE) * SECONDS_MULTIPLE


def lay_out(lengths: Iterable[float], seconds: float, seed: int = 1) -> Script:
    """Places sentences of these lengths in seconds one after the other until the time is full.

    Pauses last 0.3 to 0.6 s as people make them; a beep stands in the middle of a long one, on a
    frame, at least 2 s after the one before. `lengths` is read only as far as it is needed.
    """
    chance = random.Random(seed)
    frames = whole_frames(seconds)
    at, last_beep = LEAD_IN, -BEEPS_APART
    starts: list[float] = []
    beeps: list[int] = []
    for length in lengths:
        if at + length + LONG_PAUSE > frames / RATE:
            break
        starts.append(at)
        at += length
        if at - last_beep >= BEEPS_APART:
            frame = round((at + (LONG_PAUSE - BEEP_SECONDS) / 2) * RATE)
            beeps.append(frame)
            last_beep = frame / RATE
            at += LONG_PAUSE
        else:
            at += chance.uniform(SHORT_PAUSE, LONG_PAUSE)
    return Script(frames, tuple(starts), tuple(beeps))
