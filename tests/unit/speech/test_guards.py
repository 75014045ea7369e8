"""Loops and known hallucinations; sentences; subtitles. (SPK-3, SPK-7)"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.speech.guards import hallucinated, without_loops
from app.speech.rest.sentences import LONGEST, sentences
from app.speech.rest.transcript import MOST_CHARACTERS, MOST_SECONDS, Segment, clock, cues, srt, vtt
from app.speech.types import Word


def words(text: str) -> list[Word]:
    return [Word(each, float(place), place + 1.0) for place, each in enumerate(text.split())]


def text(found: list[Word]) -> str:
    return " ".join(word.text for word in found)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no no no that is fine", "no no no that is fine"),
        ("so " * 9, "so"),
        ("and thank you " + "thank you " * 7 + "all", "and thank you all"),
        ("", ""),
        ("one two three", "one two three"),
    ],
)
def test_a_loop_is_kept_once_and_what_people_repeat_is_left(said: str, kept: str) -> None:
    assert text(without_loops(words(said))) == kept


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=40))
def test_no_word_is_invented_and_order_is_kept(said: list[str]) -> None:
    before = words(" ".join(said))
    after = without_loops(before)
    places = [before.index(word) for word in after]

    assert places == sorted(set(places))
    assert without_loops(after) == after or len(after) < len(before)


@pytest.mark.parametrize("heard", ["Thanks for watching!", "thank you for watching.", "Please subscribe"])
def test_known_hallucinations_are_known(heard: str) -> None:
    assert hallucinated(heard)


@pytest.mark.parametrize("heard", ["Thank you.", "Thanks for watching the shop while I was away.", ""])
def test_what_people_say_is_no_hallucination(heard: str) -> None:
    assert not hallucinated(heard)


@given(st.text(max_size=2000))
def test_sentences_lose_nothing_but_white_space(said: str) -> None:
    found = sentences(said)

    assert "".join("".join(found).split()) == "".join(said.split())
    assert all(0 < len(sentence) <= LONGEST for sentence in found)


def test_a_text_is_cut_at_the_ends_of_its_sentences() -> None:
    assert sentences('He said "go." Then he left! Why? 3.5 km.') == [
        'He said "go."',
        "Then he left!",
        "Why?",
        "3.5 km.",
    ]


def test_subtitles_have_hours_and_escape_what_reads_as_a_tag() -> None:
    segment = Segment(3661.5, 3662.25, (Word("a<b", 0.0, 1.0),))

    assert clock(59.9996, ",") == "00:01:00,000"
    assert srt([segment]) == "1\n01:01:01,500 --> 01:01:02,250\na<b\n\n"
    assert vtt([segment]) == "WEBVTT\n\n01:01:01.500 --> 01:01:02.250\na&lt;b\n\n"


@given(st.lists(st.text("ab", min_size=1, max_size=20), min_size=1, max_size=60))
def test_a_long_segment_becomes_subtitles_that_can_be_read(said: list[str]) -> None:
    found = words(" ".join(said))
    shown = cues([Segment(0.0, float(len(found)), tuple(found))])

    assert [word for cue in shown for word in cue.words] == found
    assert all(len(cue.text) <= MOST_CHARACTERS and cue.end - cue.start <= MOST_SECONDS for cue in shown)
