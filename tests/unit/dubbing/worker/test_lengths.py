"""Phrases are as long as answers leave time for. (DUB-3)"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.worker.lengths import REMEMBERED, SHORTEST, Lengths
from app.dubbing.worker.profiles import PROFILES

LIVE = PROFILES["live"]


def after(*seconds: float) -> float:
    lengths = Lengths(LIVE)
    for each in seconds:
        lengths.answered(each)
    return lengths.longest


def test_quick_answers_leave_phrases_as_long_as_the_profile_says() -> None:
    assert after() == LIVE.longest_phrase
    assert after(*[0.4] * REMEMBERED) == LIVE.longest_phrase


def test_slow_answers_make_phrases_so_short_that_they_are_in_time() -> None:
    slow = 0.7
    longest = after(*[slow] * REMEMBERED)
    assert SHORTEST * LIVE.longest_phrase < longest < LIVE.longest_phrase
    assert longest + slow < LIVE.delay


def test_one_slow_answer_among_twenty_changes_nothing_and_two_do() -> None:
    quick = [0.4] * (REMEMBERED - 1)
    assert after(*quick, 0.9) == LIVE.longest_phrase
    assert after(*quick[1:], 0.9, 0.9) < LIVE.longest_phrase


def test_slow_answers_are_forgotten() -> None:
    assert after(*[0.9] * REMEMBERED, *[0.4] * REMEMBERED) == LIVE.longest_phrase


@given(st.sampled_from(list(PROFILES.values())), st.lists(st.floats(0.0, 30.0)))
def test_phrases_are_never_longer_than_the_profile_says_nor_much_shorter(profile, took) -> None:  # type: ignore[no-untyped-def]
    lengths = Lengths(profile)
    for seconds in took:
        lengths.answered(seconds)
    assert SHORTEST * profile.longest_phrase <= lengths.longest <= profile.longest_phrase
