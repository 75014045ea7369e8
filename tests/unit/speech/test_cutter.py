from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.speech.cutter import CHUNK, SAMPLE_RATE, Cut, Cutter, Rules

RULES = Rules(longest=2.0, window=0.7)
SOUND = np.full(CHUNK, 0.1, np.float32)
QUIET = np.full(CHUNK, 0.001, np.float32)

# Runs of speech or silence, in chunks of 32 ms.
runs = st.lists(st.tuples(st.booleans(), st.integers(1, 120)), max_size=14)


def feed(cutter: Cutter, probabilities: list[float], first: int = 0) -> list[Cut]:
    cuts = []
    for index, probability in enumerate(probabilities):
        samples = SOUND if probability > 0.5 else QUIET
        cuts += cutter.feed(first + index * CHUNK, samples, probability)
    return cuts


def expand(pattern: list[tuple[bool, int]]) -> list[float]:
    return [0.95 if speech else 0.02 for speech, count in pattern for _ in range(count)]


def seconds(count: float) -> int:
    return round(count * SAMPLE_RATE / CHUNK)


@given(runs)
def test_phrases_are_in_order_apart_within_the_sound_and_not_too_long(
    pattern: list[tuple[bool, int]],
) -> None:
    probabilities = expand(pattern)
    cutter = Cutter(RULES)
    cuts = feed(cutter, probabilities) + cutter.flush()
    position = 0
    for cut in cuts:
        assert position <= cut.start < cut.end <= len(probabilities) * CHUNK
        assert cut.end - cut.start <= RULES.longest * SAMPLE_RATE + CHUNK
        position = cut.end


@given(runs)
def test_no_speech_is_lost_between_phrases(pattern: list[tuple[bool, int]]) -> None:
    probabilities = expand(pattern)
    cutter = Cutter(RULES)
    cuts = feed(cutter, probabilities) + cutter.flush()
    covered = np.zeros(len(probabilities) * CHUNK, bool)
    for cut in cuts:
        covered[cut.start : cut.end] = True
    start = 0
    for speech, count in merge(pattern):
        if speech and count * CHUNK >= RULES.shortest * SAMPLE_RATE + CHUNK:
            assert covered[start * CHUNK : (start + count) * CHUNK].all()
        start += count


def merge(pattern: list[tuple[bool, int]]) -> list[tuple[bool, int]]:
    merged: list[tuple[bool, int]] = []
    for speech, count in pattern:
        if merged and merged[-1][0] == speech:
            merged[-1] = (speech, merged[-1][1] + count)
        else:
            merged.append((speech, count))
    return merged


@given(runs)
def test_silence_and_blips_are_no_phrases(pattern: list[tuple[bool, int]]) -> None:
    quiet = [(False, count) for _, count in pattern]
    blip = [(True, seconds(0.1)), (False, seconds(0.5))]
    cutter = Cutter(RULES)
    assert feed(cutter, expand([*quiet, *blip])) + cutter.flush() == []


def test_a_phrase_ends_after_the_silence_and_keeps_its_padding() -> None:
    cutter = Cutter(RULES)
    (cut,) = feed(cutter, expand([(False, 20), (True, 30), (False, 20)]))
    padding = round(RULES.padding * SAMPLE_RATE)
    assert cut == Cut(20 * CHUNK - padding, 50 * CHUNK + padding, True, cut.level)
    assert 0.05 < cut.level <= 0.1


def test_a_long_phrase_is_cut_at_its_quietest_place_and_the_next_joins_it() -> None:
    cutter = Cutter(RULES)
    cuts: list[Cut] = []
    dip = seconds(1.6)
    for index in range(seconds(4.0)):
        samples = QUIET if abs(index - dip) <= 1 else SOUND
        cuts += cutter.feed(index * CHUNK, samples, 0.9)
    assert not cuts[0].pause
    assert cuts[0].end == dip * CHUNK + CHUNK // 2
    assert cuts[1].start == cuts[0].end


def test_a_longest_phrase_whose_speaker_has_just_stopped_ends_there_and_leaves_nothing_behind() -> None:
    cutter = Cutter(RULES)
    spoken = seconds(1.9)
    (cut,) = feed(cutter, expand([(True, spoken), (False, 30)])) + cutter.flush()
    assert cut.pause
    assert cut.start == 0
    assert spoken * CHUNK < cut.end <= spoken * CHUNK + round(RULES.padding * SAMPLE_RATE)


def test_who_goes_on_after_so_short_a_stop_loses_no_sound() -> None:
    cutter = Cutter(RULES)
    pattern = [(True, seconds(1.9)), (False, seconds(0.2)), (True, 1), (False, 30)]
    first, second = feed(cutter, expand(pattern))
    assert first.end == second.start
    last = sum(count for _, count in pattern[:3]) * CHUNK
    assert second.end == last + round(RULES.padding * SAMPLE_RATE)


def test_a_step_in_the_sound_ends_the_open_phrase() -> None:
    cutter = Cutter(RULES)
    assert feed(cutter, expand([(True, 30)])) == []
    (cut,) = feed(cutter, [0.0], first=100 * CHUNK)
    assert cut.end == 30 * CHUNK
    assert cut.pause


def test_phrases_get_shorter_from_the_next_one_on_where_that_is_asked_for() -> None:
    cutter = Cutter(RULES)
    long = feed(cutter, [0.95] * seconds(4.0))
    cutter.longest = 1.5
    short = feed(cutter, [0.95] * seconds(6.0), first=seconds(4.0) * CHUNK)[1:]
    assert max(cut.end - cut.start for cut in long) > 1.6 * SAMPLE_RATE or len(long) > 1
    assert short
    assert all(cut.end - cut.start <= 1.5 * SAMPLE_RATE + CHUNK for cut in short)
    assert all(after.start == before.end for before, after in pairwise(short))
