"""Made dialogues: two voices in turn, and the phrases that a dubber's worker cuts them into."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.demo.uploads.interview import LINES, RATE, spoken
from app.dubbing.worker.profiles import PROFILES
from app.speech.client.listener import Listener
from app.speech.cutter import Cut, Rules
from app.speech.sound import Resampler

PAUSE = 0.45
MIX_RATE = 48_000
BLOCK = MIX_RATE // 10


@dataclass(frozen=True)
class Turn:
    """Who speaks from when to when, in seconds."""

    who: str
    start: float
    end: float


@functools.cache
def dialogue(lines: int = len(LINES)) -> tuple[NDArray[np.float32], tuple[Turn, ...]]:
    """The demo's interview at 16 kHz (Pico's English voice and Piper's), and its turns."""
    parts, turns, now = [], [], 0.0
    for (who, _), sound in zip(LINES[:lines], spoken(LINES[:lines]), strict=True):
        parts += [sound, np.zeros(round(PAUSE * RATE), np.float32)]
        turns.append(Turn(who, now, now + sound.size / RATE))
        now += sound.size / RATE + PAUSE
    return np.concatenate([*parts, np.zeros(RATE, np.float32)]), tuple(turns)


@dataclass
class Heard:
    """What a worker sends next: sound, and the phrases that end with it."""

    sounds: list[tuple[int, bytes]] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)


def as_a_worker_hears(sound: NDArray[np.float32], profile: str = "live") -> Iterator[Heard]:
    """Sound at 16 kHz as a worker sends it on, in blocks of 0.1 s."""
    rules = PROFILES[profile]
    heard = Heard()
    listener = Listener(
        Rules(longest=rules.longest_phrase, window=rules.cut_window),
        lambda position, pcm: heard.sounds.append((position, pcm)),
        heard.cuts.append,
    )
    mono = Resampler(RATE, MIX_RATE)(sound)
    for start in range(0, mono.size, BLOCK):
        block = mono[start : start + BLOCK]
        listener.hear(start, np.stack([block, block], axis=1))
        yield heard
        heard.sounds.clear()
        heard.cuts.clear()


def who_says(turns: tuple[Turn, ...], start: float, end: float) -> str:
    """Who speaks for the longest time of these seconds."""
    shares = {turn.who: 0.0 for turn in turns}
    for turn in turns:
        shares[turn.who] += max(0.0, min(end, turn.end) - max(start, turn.start))
    return max(shares, key=lambda who: shares[who])
