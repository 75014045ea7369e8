"""PCM, sample rates, silence, pace. (SPK-1)"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.speech.sound import Resampler, from_pcm, to_pcm, trimmed
from app.speech.sts.pace import FASTEST, Pace


def test_pcm_survives_the_way_there_and_back_within_one_step() -> None:
    samples = np.linspace(-1, 1, 1001, dtype=np.float32)

    assert np.abs(from_pcm(to_pcm(samples)) - samples).max() < 1.01 / 32768


def test_what_is_no_number_or_too_loud_becomes_sound_that_can_be_sent() -> None:
    wild = np.array([np.nan, np.inf, -np.inf, 3.0], np.float32)

    assert np.frombuffer(to_pcm(wild), "<i2").tolist() == [0, 32767, -32768, 32767]


@given(
    blocks=st.lists(st.integers(0, 3000), min_size=1, max_size=20),
    rate=st.sampled_from([8000, 16000, 22050, 44100, 48000]),
)
def test_resampling_in_blocks_gives_the_same_as_at_once_and_keeps_the_time(
    blocks: list[int], rate: int
) -> None:
    sound = np.sin(np.arange(sum(blocks)) * 0.05).astype(np.float32)
    resampler = Resampler(rate, 16000)
    parts = np.split(sound, np.cumsum(blocks)[:-1])
    streamed = np.concatenate([resampler(part) for part in parts])
    at_once = Resampler(rate, 16000)(sound)

    assert streamed.size == at_once.size
    assert np.allclose(streamed, at_once, atol=1e-4)
    assert abs(streamed.size - sound.size * 16000 / rate) <= 3


def test_a_tone_keeps_its_pitch_and_level_when_resampled() -> None:
    seconds = np.arange(48000) / 48000
    out = Resampler(48000, 16000)(np.sin(2 * np.pi * 440 * seconds).astype(np.float32))
    spectrum = np.abs(np.fft.rfft(out[:16000]))

    assert abs(int(spectrum.argmax()) * 16000 / len(out[:16000]) - 440) < 2
    assert 0.95 < np.abs(out).max() <= 1.001


def test_silence_at_the_edges_is_trimmed_and_a_silent_sound_is_empty() -> None:
    loud = np.full(1000, 0.5, np.float32)
    quiet = np.zeros(5000, np.float32)

    assert trimmed(np.concatenate([quiet, loud, quiet]), 16000).size == 1000 + 2 * 320
    assert trimmed(quiet, 16000).size == 0


@given(text=st.text(min_size=5, max_size=200), seconds=st.floats(0, 10))
def test_a_dub_is_never_slower_than_natural_nor_faster_than_the_bound(text: str, seconds: float) -> None:
    assert 1.0 <= Pace().speed("es", "es", text, seconds) <= FASTEST


def test_the_pace_of_a_voice_is_learnt() -> None:
    pace = Pace()
    for _ in range(30):
        pace.learn("es", "slow", "x" * 100, 1.0, 10.0)

    assert pace.speed("es", "slow", "x" * 100, 10.0) == pytest.approx(1.0, abs=0.01)
    assert pace.speed("es", "slow", "x" * 110, 10.0) == pytest.approx(1.1, abs=0.01)
