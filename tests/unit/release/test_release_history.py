"""Which releases there were, and which one is put back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.release.history import UnknownRelease, history, target

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def told(*keys: str) -> list[tuple[str, datetime]]:
    return [
        (f"releases/streaming/{key}.json", BEGAN + timedelta(hours=hour)) for hour, key in enumerate(keys)
    ]


def named(*keys: str) -> list[str]:
    return [each.name for each in history("streaming", told(*keys))]


@given(st.lists(st.sampled_from("abcde"), min_size=1), st.randoms())
def test_each_release_is_listed_once_with_the_wanted_one_first(keys: list[str], random: object) -> None:
    shuffled = told(*keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = history("streaming", shuffled)
    assert found[0].name == keys[-1]
    assert sorted(each.name for each in found) == sorted(set(keys))
    assert [each.told for each in found] == sorted((each.told for each in found), reverse=True)


def test_without_a_name_the_release_before_is_put_back() -> None:
    assert target(history("streaming", told("a", "b", "c")), "").name == "b"


def test_a_release_that_was_put_back_counts_from_then_on() -> None:
    assert named("a", "b", "a") == ["a", "b"]


def test_a_release_is_found_by_how_its_name_begins() -> None:
    assert target(history("streaming", told("abc1", "abd2", "x")), "abd").name == "abd2"


@pytest.mark.parametrize(
    ("keys", "name", "words"),
    [((), "", "no release before"), (("a",), "", "no release before"), (("a", "b", "c"), "z", "are: b, a")],
)
def test_what_cannot_be_put_back_is_told_with_the_choices(
    keys: tuple[str, ...], name: str, words: str
) -> None:
    with pytest.raises(UnknownRelease, match=words):
        target(history("streaming", told(*keys)), name)
