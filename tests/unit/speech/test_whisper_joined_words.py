"""Whisper's tokens become words as people write them."""

from __future__ import annotations

from dataclasses import dataclass

from app.speech.engines.whisper import _joined
from app.speech.types import Word


@dataclass
class Token:
    """A word as faster-whisper tells it: a space in front where it begins a new one."""

    word: str
    start: float = 0.0
    end: float = 1.0
    probability: float = 0.9


def test_a_part_of_a_number_is_one_word_with_it() -> None:
    said = [
        Token(" Last"),
        Token(" 11", 1.0, 1.5),
        Token(",000", 1.5, 2.0, 0.4),
        Token(" visitors", 2.0, 3.0),
    ]
    assert _joined(said) == [
        (Word("Last", 0.0, 1.0), 0.9),
        (Word("11,000", 1.0, 2.0), 0.4),
        (Word("visitors", 2.0, 3.0), 0.9),
    ]


def test_words_of_a_script_without_spaces_stay_words() -> None:
    assert [word.text for word, _ in _joined([Token("今日"), Token("は"), Token("。")])] == ["今日", "は。"]


def test_tokens_of_nothing_are_left_out() -> None:
    assert _joined([Token(" "), Token(" yes")]) == [(Word("yes", 0.0, 1.0), 0.9)]
