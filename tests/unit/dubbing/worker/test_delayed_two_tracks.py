"""Voice and background on their way through a worker: laid together, brought to a loudness, gone and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.dubbing.tracks import Chosen
from app.dubbing.worker.delayed import Delayed
from app.dubbing.worker.loudness import Leveller
from app.dubbing.worker.mixer import SAMPLE_RATE, Samples
from app.dubbing.worker.source import Background, Item, Sound, Source
from tests.unit.dubbing.worker.test_source_of_two_tracks import clip

BLOCK = 960
VOICE, BACKGROUND = 0.05, 0.1


def block(kind: type[Sound], number: int, level: float) -> Item:
    at = (np.arange(BLOCK) + number * BLOCK) / SAMPLE_RATE
    tone = (level * np.sin(2 * np.pi * 1000 * at)).astype(np.float32)
    return kind(number * BLOCK / SAMPLE_RATE, 100.0 + number * BLOCK / SAMPLE_RATE, np.stack([tone, tone], 1))


def played(line: Delayed, blocks: int, beside: range) -> Samples:
    """What is heard of so many blocks of the voice, with a background in some of them, a second later."""
    heard = []
    for number in range(blocks):
        line.take(block(Sound, number, VOICE))
        if number in beside:
            line.take(block(Background, number, BACKGROUND))
        if number >= 50:
            heard.append(line.read_sound(BLOCK))
    return np.concatenate(heard)


def opened(tmp_path: Path, loudness: float | None = None) -> tuple[Delayed, Source]:
    source = Source(str(clip(tmp_path / "clip.mkv")), Chosen(1, 2))
    line = Delayed(2.8, loudness=loudness)
    line.source_opened(source)
    return line, source


def test_a_background_that_ends_and_comes_back_changes_nothing_else(tmp_path: Path) -> None:
    line, source = opened(tmp_path)
    with source:
        heard = played(line, 250, range(80))
    rms = np.sqrt(np.mean(np.square(heard.reshape(-1, BLOCK, 2)), axis=(1, 2)))
    assert rms[:80] == pytest.approx((VOICE + BACKGROUND) / np.sqrt(2), rel=0.01)
    assert rms[80:] == pytest.approx(VOICE / np.sqrt(2), rel=0.01)


def test_both_together_are_brought_to_the_loudness(tmp_path: Path) -> None:
    line, source = opened(tmp_path, -23.0)
    with source:
        heard = played(line, 700, range(700))
    meter = Leveller(-23.0)
    meter.level(heard[-5 * SAMPLE_RATE :])
    assert meter.loudness == pytest.approx(-23.0, abs=0.5)
