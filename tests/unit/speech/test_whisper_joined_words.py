"""Whisper's tokens become words as people write them."""

from __future__ import annotations

from dataclasses import dataclass

from app.speech.engines.whisper import _joined


@dataclass
class Token:
    """A word as faster-whisper tells it: a space in front where it begins a new one."""

    word: str
    start: float = 0.0
    end: float = 1.0


def test_a_part_of_a_number_is_one_word_with_it() -> None:
    said = [Token(" Last"), Token(" 11", 1.0, 1.5), Token(",000", 1.5, 2.0), Token(" visitors", 2.0, 3.0)]
    assert _joined(said) == [("Last", 0.0, 1.0), ("11,000", 1.0, 2.0), ("visitors", 2.0, 3.0)]


def test_words_of_a_script_without_spaces_stay_words() -> None:
    assert [text for text, *_ in _joined([Token("今日"), Token("は"), Token("。")])] == ["今日", "は。"]


def test_tokens_of_nothing_are_left_out() -> None:
    assert _joined([Token(" "), Token(" yes")]) == [("yes", 0.0, 1.0)]
