"""What of a language model's clean-up is believed: signs and capitals, and no other words. (TRN-4)"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive import cleaning
from app.archive.cleaning import MOST_CHANGED, Phrase, Senseless, changes, difference, distance, parts, words
from app.archive.editing import Line, tidied
from app.speech.types import Word

WORD = st.text(st.characters(categories=("Ll", "Lu")), min_size=1, max_size=7)
TEXT = st.lists(WORD, min_size=1, max_size=12).map(" ".join)
SIGNS = st.sampled_from(["", ".", ",", "?", "!", "…", " —", ";", '"', "»"])
SAID = (
    "so we will meet on the twenty third of may at the new office and maria brings the figures of the last "
    "quarter because we do not know yet whether the second line will be open by then and somebody should ask"
)
SAME = [
    "So we will meet on the 23rd of May at the new office, and Maria brings the figures of the last quarter; "
    "because we do not know yet whether the second line will be open by then. And somebody should ask.",
    "So, we'll meet on the twenty-third of May at the new office, and Maria brings the figures of the last "
    "quarter, because we don't know yet whether the second line will be open by then; and somebody should "
    "ask.",
]
NOT_THE_SAME = [
    "We are meeting on May 23 at the new office. Maria will bring the last quarter's figures, as it is still "
    "unclear if the second line is going to be open.",
    "So we will meet on the twenty third of May at the new office and Maria brings the figures.",
    "Nos vemos el veintitrés de mayo en la oficina nueva y María trae las cifras del último trimestre.",
    "Sure! Here is the text with punctuation. " + SAID + " Let me know if you need anything else from me.",
]


def phrases(*texts: str) -> list[Phrase]:
    return [Phrase(number + 10, float(number), "", text) for number, text in enumerate(texts)]


def answer(*told: tuple[int, str]) -> str:
    return json.dumps({"phrases": [{"number": number, "text": text} for number, text in told]})


def share(text: str) -> float:
    return distance(words(SAID), words(text)) / len(words(SAID))


def test_the_bound_lies_between_the_same_in_other_signs_and_another_text() -> None:
    harmless, other = [share(text) for text in SAME], [share(text) for text in NOT_THE_SAME]
    assert max(harmless) <= MOST_CHANGED < 2 * MOST_CHANGED < min(other), (harmless, other)
    for text in SAME:
        assert changes(phrases(SAID), answer((1, text)))[0]["after"] == text
    for text in NOT_THE_SAME:
        with pytest.raises(Senseless, match="changed words"):
            changes(phrases(SAID), answer((1, text)))


@given(st.lists(TEXT, min_size=1, max_size=6), st.data())
def test_signs_and_capitals_are_taken_whatever_they_are(texts: list[str], data: st.DataObject) -> None:
    new = []
    for text in texts:
        dressed = [each + data.draw(SIGNS) for each in text.split()]
        new.append(" ".join(dressed))
    found = {each["segment"]: each for each in changes(phrases(*texts), answer(*enumerate(new, 1)))}
    for number, (text, wanted) in enumerate(zip(texts, new, strict=True), 10):
        assert (number in found) == (text != wanted)
        if number in found:
            assert found[number]["before"] == text
            assert found[number]["after"] == wanted


@given(st.lists(TEXT, min_size=1, max_size=6), st.lists(st.tuples(st.integers(-2, 9), TEXT), max_size=9))
def test_whatever_is_answered_no_more_words_change_than_the_bound(
    texts: list[str], told: list[tuple[int, str]]
) -> None:
    part = phrases(*texts)
    try:
        found = changes(part, answer(*told))
    except Senseless:
        return
    before = {phrase.id: phrase.text for phrase in part}
    edits = [distance(words(before[each["segment"]]), words(each["after"])) for each in found]
    assert sum(edits) <= max(1, MOST_CHANGED * sum(len(words(text)) for text in texts))
    assert len({each["segment"] for each in found}) == len(found)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_the_distance_is_the_least_number_of_changes(one: list[str], other: list[str]) -> None:
    assert distance(one, other) == distance(other, one) == slowly(one, other)


def slowly(one: Sequence[str], other: Sequence[str]) -> int:
    if not one or not other:
        return len(one) + len(other)
    first, *rest = one
    begin, *end = other
    same = slowly(rest, end) + (first != begin)
    return same if first == begin else min(same, slowly(rest, other) + 1, slowly(one, end) + 1)


@given(TEXT, TEXT)
def test_the_difference_holds_both_texts(before: str, after: str) -> None:
    told = list(difference(before, after))
    assert " ".join(text for kind, text in told if kind != "new") == before
    assert " ".join(text for kind, text in told if kind != "gone") == after


@given(st.lists(TEXT, max_size=12), st.integers(1, 60))
def test_parts_hold_every_phrase_once_in_order(texts: list[str], letters: int) -> None:
    found = parts(phrases(*texts), letters)
    assert [phrase for part in found for phrase in part] == phrases(*texts)
    assert all(len(part) == 1 or sum(len(each.text) for each in part) <= letters for part in found)
    assert all(part for part in found)


@given(st.lists(WORD, min_size=1, max_size=8), st.data())
def test_words_that_only_get_signs_keep_their_exact_times(spoken: list[str], data: st.DataObject) -> None:
    line = Line(0.0, 20.0, "A", tuple(Word(text, at * 2.0, at * 2.0 + 0.7) for at, text in enumerate(spoken)))
    new = " ".join(each + data.draw(st.sampled_from(["", ".", ",", "?"])) for each in spoken)
    found = tidied(line, new, paragraph=True)
    assert [(each.start, each.end) for each in found.words] == [(each.start, each.end) for each in line.words]
    assert found.text == new
    assert found.paragraph


def test_a_word_that_goes_missing_in_a_long_part_stays_where_it_was() -> None:
    long = [SAID] * 4 + ["yes we can"]
    told = [(number, f"{SAID}.") for number in range(1, 5)]
    found = changes(phrases(*long), answer(*told, (5, "Yes.")))
    assert [each["segment"] for each in found] == [10, 11, 12, 13]
    assert [each["segment"] for each in changes(phrases(*long), answer(*told))] == [10, 11, 12, 13]


@pytest.mark.parametrize(
    "bad",
    ["", "no JSON", "[1]", '{"phrases": 7}', '{"phrases": [{"number": "x"}]}', "{" * 2000, "x" * 200_000],
)
def test_an_answer_that_makes_no_sense_is_refused(bad: str) -> None:
    with pytest.raises(Senseless):
        changes(phrases("good morning"), bad)
    with pytest.raises(Senseless):
        cleaning.outlined(phrases("good morning"), bad)
    with pytest.raises(Senseless):
        cleaning.joined(bad)


def test_an_answer_may_have_words_and_a_fence_around_it() -> None:
    fenced = "Here you are:\n```json\n" + answer((1, "Good\x00 morning.")) + "\n```"
    assert changes(phrases("good morning"), fenced)[0]["after"] == "Good morning."


def test_chapters_begin_at_phrases_that_are_there_in_order() -> None:
    told: dict[str, Any] = {
        "summary": "A talk.",
        "chapters": [{"number": n, "title": f"Part {n}"} for n in (3, 1, 9, 0)]
        + [{"number": 2, "title": " "}],
        "actions": ["Maria brings figures", " "],
    }
    found = cleaning.outlined(phrases("one", "two", "three"), json.dumps(told))
    assert found["chapters"] == [{"start": 0.0, "title": "Part 1"}, {"start": 2.0, "title": "Part 3"}]
    assert found["actions"] == ["Maria brings figures"]


def test_languages_without_spaces_are_counted_by_letters() -> None:
    assert words("今日は、良い天気です。") == list("今日は良い天気です")
    with pytest.raises(Senseless, match="changed words"):
        changes(phrases("今日は良い天気です"), answer((1, "明日は雨でしょう。")))
