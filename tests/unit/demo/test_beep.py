"""Beeps are found to the millisecond, also beside noise, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo import beep

RATE = 48000
MILLISECOND = 0.0015


def sound_with(places: list[float], seconds: float, noise: float = 0.0, rate: int = RATE) -> beep.Sound:
    sound = np.random.default_rng(7).normal(0, noise, round(seconds * rate)).astype(np.float32)
    short = beep.make(rate)
    for place in places:
        first = round(place * rate)
        sound[first : first + len(short)] += short
    return sound


def spaced(gaps: list[float]) -> list[float]:
    return [float(place) for place in np.cumsum(gaps)]


@given(st.lists(st.floats(1.2, 4), min_size=1, max_size=5), st.sampled_from([16000, 44100, 48000]))
def test_every_beep_is_found_where_it_starts(gaps: list[float], rate: int) -> None:
    places = spaced(gaps)
    found = beep.find(sound_with(places, places[-1] + 1, noise=0.002, rate=rate), rate)
    assert [b.at for b in found] == pytest.approx(places, abs=MILLISECOND)
    assert all(0.07 < b.amplitude < 0.11 for b in found)


@given(
    st.lists(st.floats(1.2, 4), min_size=1, max_size=4),
    st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    st.floats(0, 1000),
)
def test_a_listener_tells_each_beep_once_however_the_sound_is_cut(
    gaps: list[float], sizes: list[int], start: float
) -> None:
    places = spaced(gaps)
    sound = sound_with(places, places[-1] + 4)
    listener, found, at, turn = beep.Listener(RATE), [], 0, 0
    while at < len(sound):
        piece = sound[at : at + sizes[turn % len(sizes)] + 200]
        found += listener.hear(start + at / RATE, piece)
        at, turn = at + len(piece), turn + 1
    assert [b.at - start for b in found] == pytest.approx(places, abs=MILLISECOND)


def test_a_jump_in_time_moves_the_beeps_after_it() -> None:
    listener = beep.Listener(RATE)
    first, second = sound_with([1.0], 2.5), sound_with([0.5], 2.5)
    found = listener.hear(0.0, first) + listener.hear(100.0, second)
    assert [b.at for b in found] == pytest.approx([1.0, 100.5], abs=MILLISECOND)


@pytest.mark.parametrize("amplitude", [0.0, 0.01, 0.3])
def test_noise_is_no_beep(amplitude: float) -> None:
    assert beep.find(sound_with([], 5, noise=amplitude), RATE) == []


def test_the_overtones_of_a_voice_are_no_beep() -> None:
    time = np.arange(5 * RATE) / RATE
    voice = sum(0.2 / n * np.sin(2 * np.pi * 150 * n * time) for n in range(1, 30))
    assert beep.find(np.asarray(voice, dtype=np.float32), RATE) == []


def test_a_ducked_beep_is_still_found() -> None:
    found = beep.find(0.2 * sound_with([1.0], 3, noise=0.002), RATE)
    assert [b.at for b in found] == pytest.approx([1.0], abs=MILLISECOND)


def test_a_ducked_beep_is_found_under_a_voice() -> None:
    time = np.arange(3 * RATE) / RATE
    voice = sum(0.2 / n**1.5 * np.sin(2 * np.pi * 150 * n * time) for n in range(1, 60))
    sound = np.asarray(0.3 * sound_with([1.0], 3) + voice, dtype=np.float32)
    assert [b.at for b in beep.find(sound, RATE)] == pytest.approx([1.0], abs=0.003)


def test_sound_shorter_than_a_beep_has_none() -> None:
    assert beep.find(np.zeros(10, dtype=np.float32), RATE) == []
