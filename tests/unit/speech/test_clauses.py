"""Where a phrase is broken whose speaker goes on (DUB-3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.speech.protocol import PhraseMark, SpokenWord
from app.speech.sts.lane import Lane, Mark, Sound
from app.speech.sts.phrase import Phrase
from app.speech.text import clauses
from app.speech.types import Samples, Word

RATE = 16000
EACH = 0.3


def words(text: str) -> list[SpokenWord]:
    return [
        SpokenWord(text=word, start=round(n * EACH * RATE), end=round((n + 1) * EACH * RATE))
        for n, word in enumerate(text.split())
    ]


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("the government said on Monday that the", "that the"),
        ("it will spend the money on new trains", ""),
        ("they lost the second game. He", "He"),
        ("when the rain had stopped, they", "they"),
        ("yesterday he was seen by Mr. Smith", ""),
        ("of the", ""),
        ("nobody", ""),
        ("", ""),
    ],
)
def test_what_leans_on_the_next_words_waits_for_them(text: str, waits: str) -> None:
    said = text.split()
    count = clauses.held(words(text), "en", RATE)
    assert " ".join(said[len(said) - count :]) == waits


def test_a_language_without_a_list_is_broken_at_punctuation_alone() -> None:
    assert clauses.held(words("jeden dva tri a"), "sk", RATE) == 0
    assert clauses.held(words("jeden dva tri styri. a"), "sk", RATE) == 1


@given(st.lists(st.sampled_from(["the", "of", "house", "said.", "then,", "and"]), max_size=30))
def test_what_waits_is_short_and_never_all(said: list[str]) -> None:
    spoken = words(" ".join(said))
    count = clauses.held(spoken, "en", RATE)
    assert 0 <= count < max(1, len(spoken))
    assert count * EACH <= clauses.LONGEST_HELD


class StandInRecogniser:
    """Gives the words of its script, one phrase after the other."""

    def __init__(self, script: list[str]) -> None:
        self.script = list(script)

    def feed(self, samples: Samples) -> None: ...

    def commit(self, until: float, pause: bool) -> list[Word]:  # noqa: ARG002
        said = self.script.pop(0).split()
        return [
            Word(text=word, start=until - EACH * (len(said) - n), end=until - EACH * (len(said) - n - 1))
            for n, word in enumerate(said)
        ]

    def partial(self) -> list[Word]:
        return []

    def prompt(self, text: str) -> None: ...

    def skip(self, until: float) -> None: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


def dubbed(script: list[tuple[str, bool]]) -> list[str]:
    """The words of each phrase, of a speaker who pauses after those that say so."""
    lane = Lane(StandInRecogniser([text for text, _ in script]), RATE, "en")
    said: list[str] = []
    for number, (_, pause) in enumerate(script):
        lane.put_sound(Sound(number * 2 * RATE, bytes(4 * RATE)))
        mark = PhraseMark(id=number, start=0, end=(number + 1) * 2 * RATE, deadline=60.0, pause=pause)
        done = lambda one, _: said.append(" ".join(word.text for word in one.words))  # noqa: E731
        lane.put_mark(Mark(Phrase(mark), False, done))
    while not lane.idle:
        lane.work()
    return said


def test_words_that_wait_are_the_first_of_the_next_phrase() -> None:
    assert dubbed([("they gave the money to the", False), ("school", True)]) == [
        "they gave the money",
        "to the school",
    ]
    assert dubbed([("they gave the money to the", True), ("school", True)]) == [
        "they gave the money to the",
        "school",
    ]


SAID = st.lists(st.sampled_from(["the", "of", "house", "said.", "then,", "and"]), max_size=8).map(" ".join)


@given(st.lists(st.tuples(SAID, st.booleans()), max_size=6), SAID)
def test_no_word_is_lost_doubled_or_moved(script: list[tuple[str, bool]], last: str) -> None:
    script = [*script, (last, True)]
    assert " ".join(dubbed(script)).split() == " ".join(text for text, _ in script).split()


@given(st.lists(SAID, min_size=2, max_size=6))
def test_no_word_waits_twice(script: list[str]) -> None:
    said = dubbed([*((text, False) for text in script), ("", True)])
    for number in range(len(script)):
        there = sum(len(text.split()) for text in script[: number + 1])
        assert sum(len(text.split()) for text in said[: number + 2]) >= there
