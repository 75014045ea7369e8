import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.worker.mixer import (
    ATTACK,
    CEILING,
    DUCK,
    RELEASE,
    SAMPLE_RATE,
    Mixer,
    Samples,
    fade_edges,
    limit,
)

LENGTH = SAMPLE_RATE


def tone(count: int, level: float = 0.3, frequency: float = 440.0) -> Samples:
    one = level * np.sin(2 * np.pi * frequency * np.arange(count) / SAMPLE_RATE)
    return np.stack([one, one], axis=1).astype(np.float32)


def voice(count: int, level: float = 0.3) -> Samples:
    return np.full(count, level, np.float32)


block_sizes = st.lists(st.integers(1, 9000), min_size=1, max_size=30)


def read_all(mixer: Mixer, sizes: list[int], count: int) -> Samples:
    blocks, left = [], count
    for size in [*sizes, count]:
        take = min(size, left)
        if take:
            blocks.append(mixer.read(take))
            left -= take
    return np.concatenate(blocks)


@given(block_sizes)
def test_without_dubs_the_original_comes_out_to_the_last_bit(sizes: list[int]) -> None:
    mixer = Mixer(2.0)
    original = tone(LENGTH, level=1.0)
    mixer.write_original(0, original)
    assert np.array_equal(read_all(mixer, sizes, LENGTH), original)


@given(block_sizes, st.integers(ATTACK, LENGTH // 2), st.integers(0, LENGTH // 3))
def test_block_sizes_do_not_change_what_is_heard(sizes: list[int], start: int, count: int) -> None:
    whole, pieces = Mixer(2.0), Mixer(2.0)
    for mixer in (whole, pieces):
        mixer.write_original(0, tone(LENGTH))
        mixer.place(voice(count), start)
    assert np.allclose(read_all(pieces, sizes, LENGTH), whole.read(LENGTH), atol=1e-5)


@given(st.lists(st.tuples(st.integers(0, LENGTH), st.integers(0, 5000)), max_size=12), block_sizes)
def test_no_sample_of_a_dub_is_lost_or_doubled_and_dubs_never_overlap(
    clips: list[tuple[int, int]], sizes: list[int]
) -> None:
    mixer = Mixer(2.0)
    expected = np.zeros(4 * LENGTH, np.float64)
    free = 0
    for wanted, count in clips:
        start = mixer.place(voice(count, 0.1), wanted)
        assert start >= max(wanted, free)
        free = start + count
        expected[start:free] += fade_edges(voice(count, 0.1))
    heard = np.concatenate([read_all(mixer, sizes, LENGTH) for _ in range(4)])
    assert np.allclose(heard[:, 0], expected, atol=1e-5)


@given(st.lists(st.tuples(st.integers(0, LENGTH), st.integers(1, 3000)), max_size=20))
def test_sound_that_never_came_is_silence_and_what_came_is_in_its_place(
    parts: list[tuple[int, int]],
) -> None:
    mixer = Mixer(2.0)
    expected = np.zeros((2 * LENGTH, 2), np.float32)
    for number, (position, count) in enumerate(parts):
        sound = np.full((count, 2), 0.01 * (number + 1), np.float32)
        mixer.write_original(position, sound)
        expected[position : position + count] = sound
    assert np.array_equal(mixer.read(2 * LENGTH), expected)


def test_the_original_is_ducked_under_a_dub_and_left_alone_away_from_it() -> None:
    mixer = Mixer(3.0)
    mixer.write_original(0, np.full((2 * LENGTH, 2), 0.5, np.float32))
    start, count = LENGTH // 2, LENGTH // 2
    mixer.place(np.zeros(count, np.float32), start)
    heard = mixer.read(2 * LENGTH)[:, 0]
    assert np.all(heard[: start - ATTACK] == 0.5)
    assert np.allclose(heard[start : start + count], 0.5 * DUCK, atol=1e-4)
    assert np.all(heard[start + count + RELEASE :] == 0.5)
    assert np.max(np.abs(np.diff(heard))) < 0.5 / ATTACK * 1.5


@given(st.floats(0.0, 8.0))
def test_the_limiter_never_passes_its_ceiling_and_leaves_quiet_sound_alone(level: float) -> None:
    sound = np.linspace(-level, level, 101, dtype=np.float32)
    limited = limit(sound)
    assert np.max(np.abs(limited)) <= CEILING + 1e-6
    quiet = np.abs(sound) <= 0.7
    assert np.array_equal(limited[quiet], sound[quiet])
    assert np.all(np.diff(limited) >= 0)


def test_a_dub_for_a_time_that_has_passed_starts_as_soon_as_it_can_be_heard_whole() -> None:
    mixer = Mixer(2.0)
    mixer.read(LENGTH)
    assert mixer.place(voice(100), 10) == LENGTH + ATTACK


def test_clearing_dubs_silences_the_one_that_plays_without_a_click() -> None:
    mixer = Mixer(3.0)
    start = mixer.place(voice(LENGTH, 0.4), ATTACK)
    mixer.place(voice(LENGTH, 0.4), 2 * LENGTH)
    first = mixer.read(start + 4800)
    mixer.clear_dubs()
    rest = mixer.read(2 * LENGTH)
    heard = np.concatenate([first, rest])[:, 0]
    assert np.max(np.abs(np.diff(heard))) < 0.01
    assert np.all(heard[start + 4800 + 2000 :] == 0.0)


@given(block_sizes)
def test_what_is_untouched_is_the_original_to_the_last_bit_whatever_is_placed_there(sizes: list[int]) -> None:
    mixer = Mixer(2.0)
    original = tone(LENGTH)
    mixer.write_original(0, original)
    mixer.place(voice(30_000), 8_000)
    mixer.untouched = ((20_000, 30_000),)
    heard = read_all(mixer, sizes, LENGTH)
    assert np.array_equal(heard[20_000:30_000], original[20_000:30_000])
    assert not np.allclose(heard[12_000:18_000], original[12_000:18_000], atol=0.05)
    assert not np.allclose(heard[32_000:36_000], original[32_000:36_000], atol=0.05)
    # No click at either edge: the dub goes over 15 ms.
    dub = heard[19_000:31_000, 0] - original[19_000:31_000, 0]
    assert np.abs(np.diff(dub)).max() < 0.02


def test_late_original_is_lost_and_counted_and_does_not_come_back_later() -> None:
    mixer = Mixer(1.0)
    mixer.read(1000)
    mixer.write_original(500, tone(1000))
    assert mixer.lost_samples == 500
    mixer.skip_to(LENGTH)
    assert not np.any(mixer.read(LENGTH))


def test_asking_for_more_than_it_can_hold_is_an_error() -> None:
    with pytest.raises(ValueError, match="at most 48000 samples"):
        Mixer(1.0).read(48001)
