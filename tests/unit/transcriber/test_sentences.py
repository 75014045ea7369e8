"""Segments are cut into sentences, and phrases packed, without losing a word or its time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.speech.rest.transcribe import RULES, Phrase
from app.speech.rest.transcript import Segment
from app.speech.types import RECOGNISER_RATE, Word
from app.transcriber.sentences import sentences
from app.transcriber.voice import packed, windows


def said(text: str, pause_after: str = "") -> Segment:
    words, at = [], 0.0
    for each in text.split():
        words.append(Word(each, at, at + 0.3))
        at += 2.0 if each == pause_after else 0.3
    return Segment(0.0, at, tuple(words))


def texts(segment: Segment) -> list[str]:
    return [each.text for each in sentences(segment)]


def test_each_sentence_is_a_segment() -> None:
    assert texts(said("The vote is on Thursday. Nobody knows how it ends. We do not either.")) == [
        "The vote is on Thursday.", "Nobody knows how it ends.", "We do not either.",
    ]  # fmt: skip


def test_a_short_form_a_short_sentence_and_a_lower_letter_end_none() -> None:
    for text in ("We met Dr. Miller there.", "Yes. We do know her.", "He paid 3.5 and e.g. more. or less."):
        assert texts(said(text)) == [text]


def test_a_long_pause_ends_one_without_punctuation() -> None:
    assert texts(said("well then good bye", "then")) == ["well then", "good bye"]


@given(st.lists(st.sampled_from(["One", "two", "three.", "Four?", "Dr.", "five!"]), min_size=1, max_size=40))
def test_no_word_and_no_time_is_lost(words: list[str]) -> None:
    whole = said(" ".join(words))
    found = list(sentences(whole))
    assert tuple(word for each in found for word in each.words) == whole.words
    assert (found[0].start, found[-1].end) == (whole.start, whole.end)
    assert all(a.end <= b.start for a, b in pairwise(found))


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(1, 250)), max_size=30))
def test_packed_phrases_have_all_the_sound_of_the_phrases(spans: list[tuple[int, int]]) -> None:
    tenth = RECOGNISER_RATE // 10
    sound = np.arange(sum(a + b for a, b in spans) * tenth, dtype=np.float32)
    phrases, at = [], 0
    for gap, length in spans:
        first = (at + gap) * tenth
        at += gap + length
        phrases.append(Phrase(first / RECOGNISER_RATE, sound[first : at * tenth], True))
    found = packed(phrases, sound)
    assert len(found) == len(windows(phrases, RULES.longest))
    for each in found:
        first = round(each.start * RECOGNISER_RATE)
        assert np.array_equal(each.samples, sound[first : first + each.samples.size])
        assert each.end - each.start <= max(RULES.longest, 25.0) + 1e-6
    for phrase in phrases:
        assert any(each.start - 1e-6 <= phrase.start and phrase.end <= each.end + 1e-6 for each in found)


def test_windows_are_of_one_length_as_far_as_phrases_allow() -> None:
    sound = np.zeros(60 * RECOGNISER_RATE, np.float32)
    phrases = [Phrase(float(at), sound[: 2 * RECOGNISER_RATE], True) for at in range(0, 60, 2)]
    assert [each.samples.size / RECOGNISER_RATE for each in packed(phrases, sound)] == [20.0, 20.0, 20.0]
