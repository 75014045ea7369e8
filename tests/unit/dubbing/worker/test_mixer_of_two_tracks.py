"""Voice and background apart: the dub takes the voice's place, and the background is never touched."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.worker.mixer import ATTACK, EDGE_FADE, SAMPLE_RATE, Mixer, Samples

LENGTH = SAMPLE_RATE
VOICE, BACKGROUND = 0.25, 0.125
spans = st.tuples(st.integers(ATTACK, LENGTH // 2), st.integers(1, LENGTH // 2), st.integers(1, LENGTH // 2))
sizes = st.lists(st.integers(1, 9000), max_size=20)


def two_tracks(voice: float = VOICE, background: float = BACKGROUND) -> Mixer:
    mixer = Mixer(4.0)
    mixer.replaces = True
    mixer.write_original(0, np.full((3 * LENGTH, 2), voice, np.float32))
    mixer.write_background(0, np.full((3 * LENGTH, 2), background, np.float32))
    return mixer


def read_all(mixer: Mixer, blocks: list[int]) -> Samples:
    left, parts = 3 * LENGTH, []
    for size in [*blocks, left]:
        if left:
            parts.append(mixer.read(min(size, left)))
            left -= len(parts[-1])
    return np.concatenate(parts)[:, 0]


def silence(count: int) -> Samples:
    return np.zeros(count, np.float32)


@given(sizes)
def test_without_a_dub_both_are_heard_as_loud_as_they_came(blocks: list[int]) -> None:
    assert np.all(read_all(two_tracks(), blocks) == VOICE + BACKGROUND)


@given(spans, sizes)
def test_where_a_phrase_is_dubbed_nothing_of_the_voice_is_left_and_all_of_the_background(
    span: tuple[int, int, int], blocks: list[int]
) -> None:
    start, said, dubbed = span
    mixer = two_tracks()
    mixer.place(silence(dubbed), start, (start, start + said))
    heard = read_all(mixer, blocks)
    assert np.allclose(heard[start : start + max(said, dubbed)], BACKGROUND, atol=1e-6)
    assert np.all(heard >= BACKGROUND - 1e-6)
    assert np.allclose(heard[: start - ATTACK], VOICE + BACKGROUND)
    assert np.allclose(heard[start + max(said, dubbed) + ATTACK :], VOICE + BACKGROUND)
    assert np.max(np.abs(np.diff(heard))) < VOICE / ATTACK * 1.5


@given(spans, sizes)
def test_block_sizes_do_not_change_what_is_heard(span: tuple[int, int, int], blocks: list[int]) -> None:
    start, said, dubbed = span
    heard = []
    for some in (blocks, []):
        mixer = two_tracks()
        mixer.place(np.full(dubbed, 0.1, np.float32), start, (start, start + said))
        heard.append(read_all(mixer, some))
    assert np.allclose(heard[0], heard[1], atol=1e-5)


def test_a_dub_that_comes_when_its_phrase_has_begun_takes_the_voice_s_place_without_a_click() -> None:
    mixer = two_tracks()
    before = mixer.read(LENGTH)[:, 0]
    start = mixer.place(silence(LENGTH), LENGTH // 2, (LENGTH // 2, 2 * LENGTH))
    heard = np.concatenate([before, mixer.read(2 * LENGTH)[:, 0]])
    assert start == LENGTH + ATTACK
    assert np.all(heard[:LENGTH] == VOICE + BACKGROUND)
    assert np.allclose(heard[start : 2 * LENGTH], BACKGROUND, atol=1e-6)
    assert np.max(np.abs(np.diff(heard))) < VOICE / ATTACK * 1.5


@given(st.integers(0, LENGTH))
def test_the_voice_comes_back_at_once_without_a_click_where_dubs_are_not_wanted_any_more(after: int) -> None:
    mixer = two_tracks()
    mixer.place(silence(LENGTH // 2), LENGTH // 2, (LENGTH // 2, LENGTH))
    mixer.place(silence(LENGTH // 2), 2 * LENGTH, (2 * LENGTH, 5 * LENGTH // 2))
    first = mixer.read(LENGTH // 2 - ATTACK + after)[:, 0]
    mixer.clear_dubs()
    heard = np.concatenate([first, mixer.read(3 * LENGTH - len(first))[:, 0]])
    assert np.allclose(heard[len(first) + EDGE_FADE + ATTACK :], VOICE + BACKGROUND)
    assert np.max(np.abs(np.diff(heard))) < VOICE / ATTACK * 1.5


def test_a_background_with_holes_or_none_at_all_stops_nothing() -> None:
    mixer = Mixer(4.0)
    mixer.replaces = True
    mixer.write_original(0, np.full((LENGTH, 2), VOICE, np.float32))
    assert np.all(mixer.read(1000) == VOICE)
    mixer.write_background(LENGTH // 2, np.full((1000, 2), BACKGROUND, np.float32))
    mixer.write_background(9 * LENGTH, np.full((1000, 2), BACKGROUND, np.float32))
    heard = mixer.read(2 * LENGTH)[:, 0]
    assert np.all(heard[: LENGTH // 2 - 1000] == VOICE)
    assert np.all(heard[LENGTH // 2 - 1000 : LENGTH // 2] == VOICE + BACKGROUND)
    assert np.all(heard[LENGTH // 2 : LENGTH - 1000] == VOICE)


def test_a_source_with_one_track_again_is_left_to_the_last_bit() -> None:
    mixer = two_tracks(0.9, 0.05)
    mixer.read(1000)
    mixer.replaces = False
    assert np.all(mixer.read(LENGTH) == np.float32(0.9))


def test_both_together_never_pass_the_ceiling() -> None:
    assert np.max(two_tracks(0.9, 0.9).read(LENGTH)) < 0.9
