"""Voices that were named are known again, and nobody else is taken for them. (TRN-4)"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.archive.editing import Line
from app.speech.speakers import SAME, Floats, called, known, runs, spoken, voiced
from app.speech.types import Word


def voice(number: int, off: float = 0.0) -> Floats:
    """A print of that voice, so much off it."""
    made = np.eye(256, dtype=np.float32)[number] + off * np.eye(256, dtype=np.float32)[-1]
    unit: Floats = (made / np.linalg.norm(made)).astype(np.float32)
    return unit


def test_a_voice_is_known_where_it_is_alike_enough() -> None:
    near, far = voice(1, 0.2), voice(1, 0.7)
    assert near @ voice(1) > SAME > far @ voice(1)
    assert known({0: near, 1: voice(2)}, [("Ada", voice(1))]) == {0: "Ada"}
    assert known({0: far}, [("Ada", voice(1))]) == {}
    assert known({}, [("Ada", voice(1))]) == known({0: near}, []) == {}


def test_two_voices_are_not_one_person_and_the_most_alike_has_the_name() -> None:
    assert known({0: voice(1, 0.3), 1: voice(1, 0.1)}, [("Ada", voice(1))]) == {1: "Ada"}
    assert known({0: voice(1)}, [("Bea", voice(1, 0.2)), ("Ada", voice(1))]) == {0: "Ada"}


@given(st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True))
def test_everybody_who_is_known_gets_the_own_name(numbers: list[int]) -> None:
    names = [(f"name {each}", voice(each)) for each in range(10)]
    assert known({each: voice(each, 0.1) for each in numbers}, names) == {
        each: f"name {each}" for each in numbers
    }


def test_a_print_is_of_length_one_and_long_runs_count_more() -> None:
    made = voiced(np.stack([voice(1), voice(2)]), [9.0, 1.0])
    assert np.isclose(np.linalg.norm(made), 1.0)
    assert made @ voice(1) > 0.99 > made @ voice(2)


def test_one_voice_alone_is_called_something_only_where_it_is_known() -> None:
    line = Line(0.0, 2.0, "", (Word("Good", 0.0, 1.0), Word("morning", 1.0, 2.0)))
    all_runs = runs([line])
    assert spoken([line], all_runs, [5]) == [[line]]
    assert [each.speaker for each in spoken([line], all_runs, [5], alone=True)[0]] == ["Speaker 1"]
    assert spoken([line], all_runs, [None], alone=True) == [[line]]
    assert called([None, 7, 3, 7]) == {7: "Speaker 1", 3: "Speaker 2"}
