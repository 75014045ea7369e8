"""The rule engine: precision and recall on labelled sentences, and what it must never do (LIV-3, LIV-6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sales.messages import KINDS, Segment
from app.sales.rule_book import BadRules, RuleBook, rule_book
from app.sales.rule_engine import RuleEngine
from app.sales.words import LONGEST, normalise, sentences
from tests.bench.objections import HALVES, HELD_OUT, SECOND, TUNING, as_heard, labelled, score

ENGINE = RuleEngine()


def spoken(*texts: str, gap: float = 0.5, channel: str = "customer") -> list[Segment]:
    """These texts one after the other, two seconds each."""
    return [
        Segment(id=at, channel=channel, start=at * (2 + gap), end=at * (2 + gap) + 2, text=text)  # type: ignore[arg-type]
        for at, text in enumerate(texts)
    ]


def kinds(*texts: str, gap: float = 0.5, channel: str = "customer") -> list[str]:
    """What the rules see when the last of the texts is said."""
    return [found.kind for found in ENGINE.look(spoken(*texts, gap=gap, channel=channel))]


@pytest.mark.parametrize("half", [TUNING, HELD_OUT, SECOND])
@pytest.mark.parametrize("heard", [False, True])
def test_nine_of_ten_reported_objections_are_right_and_eight_of_ten_are_found(half: str, heard: bool) -> None:
    result = score(ENGINE, labelled(half), heard=heard)
    assert result.precision >= 0.9
    assert result.recall >= 0.8


def test_the_labelled_sentences_are_many_and_half_of_them_object_to_nothing() -> None:
    sentences = labelled()
    assert len(sentences) >= 300
    assert 0.4 <= sum(each.kind is None for each in sentences) / len(sentences) <= 0.6
    assert {each.kind for each in sentences if each.kind} == set(KINDS)
    assert {each.half for each in sentences} == set(HALVES)
    assert len({each.text for each in sentences}) == len(sentences)


def test_an_objection_that_is_spread_over_two_segments_is_found_once_it_is_complete() -> None:
    assert kinds("honestly that is far") == []
    assert kinds("honestly that is far", "too expensive for us") == ["price"]
    assert kinds("that is too expensive for us", "and how are you today") == []


def test_a_quote_begins_in_the_segment_in_which_the_objection_does() -> None:
    (alone,) = ENGINE.look(spoken("good morning thank you for coming", "that is far too expensive for us"))
    assert alone.quote == "that is far too expensive for us"
    (spread,) = ENGINE.look(spoken("good morning", "honestly that is far", "too expensive for us"))
    assert spread.quote == "honestly that is far too expensive for us"


def test_a_pause_or_a_full_stop_parts_two_sentences() -> None:
    assert kinds("that is far", "too expensive for a bicycle", gap=10) == ["price"]
    assert kinds("we do not", "have the budget for this", gap=10) == []
    assert kinds("It is not.", "Too expensive.") == ["price"]


def test_what_a_seller_says_is_never_an_objection() -> None:
    assert kinds("that is too expensive for us", channel="seller") == []


def test_an_objection_has_its_quote_its_time_and_up_to_three_answers() -> None:
    (found,) = ENGINE.look(spoken("Nice to see you.", "Well, the price is too high."))
    assert found.quote == "Well, the price is too high."
    assert 2.5 <= found.start < found.end <= 4.5
    assert 1 <= len(found.answers) <= 3
    assert all(ENGINE.book.topics[kind].answers for kind in KINDS)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("its to expensive for us", "price"),
        ("it is two expensive", "price"),
        ("that is too expansive for us", "price"),
        ("we dont have the budget for that", "budget"),
        ("we are already working with another vendors", "competitor"),
        ("IM NOT INTERESTED", "brush-off"),
        ("well um i would have to run this by my boss you know", "authority"),
    ],
)
def test_what_a_recogniser_mishears_is_still_understood(said: str, kind: str) -> None:
    assert kinds(said) == [kind]


@given(st.text(max_size=300))
def test_any_text_at_all_is_looked_at_without_harm(text: str) -> None:
    for match in ENGINE.matches(text):
        assert 0 <= match.start < match.end <= len(text)
        assert match.quote in text


@given(st.sampled_from([each.text for each in labelled(TUNING)]), st.sampled_from(["", "well ", "so "]))
def test_capitals_never_matter(text: str, before: str) -> None:
    assert [m.kind for m in ENGINE.matches(before + text.upper())] == [
        m.kind for m in ENGINE.matches(before + text.lower())
    ]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_every_normal_word_knows_where_it_came_from(text: str) -> None:
    for sentence in sentences(text):
        assert [sentence.normal[start:end] for start, end, _, _ in sentence.places] == sentence.normal.split()
        for _, _, start, end in sentence.places:
            assert 0 <= start < end <= len(text)


class Counting:
    """An expression that counts the characters it is given to read."""

    def __init__(self, pattern: re.Pattern[str], read: list[int]) -> None:
        self.pattern, self._pattern, self._read = pattern, pattern, read

    def search(self, text: str) -> re.Match[str] | None:
        self._read.append(len(text))
        return self._pattern.search(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        self._read.append(len(text))
        return self._pattern.finditer(text)


def work(text: str) -> list[int]:
    """How many characters each expression reads, one number a reading, while it looks at a text."""
    read: list[int] = []
    book = rule_book()

    def counted(patterns: tuple[re.Pattern[str], ...]) -> Any:
        return tuple(Counting(each, read) for each in patterns)

    engine = RuleEngine(
        RuleBook(
            tuple(replace(rule, pattern=counted((rule.pattern,))[0]) for rule in book.rules),
            {
                kind: replace(topic, near_misses=counted(topic.near_misses))
                for kind, topic in book.topics.items()
            },
            counted(book.near_misses),
            counted(book.negations),
            counted(book.questions),
            book.vocabulary,
        )
    )
    engine.matches(text)
    return read


@pytest.mark.parametrize(
    "said",
    ["we have to talk to the people ", "not too expensive ", "the company ", "a ", "too expensive for us "],
)
def test_twice_the_text_is_at_most_twice_the_work_however_it_repeats_itself(said: str) -> None:
    short, long = (work((said * 2000)[:length].strip()) for length in (1000, 2000))
    assert max(long) <= LONGEST * 8
    assert sum(long) <= 2.3 * sum(short)


def test_in_a_text_without_full_stops_nothing_is_overlooked_and_nothing_told_twice() -> None:
    talk = "and then my people went through the list with the man from the other office in town "
    for words in range(40, 60):
        said = " ".join((talk * 6).split()[:words]) + " honestly that is far too expensive for us " + talk * 4
        assert [match.kind for match in ENGINE.matches(said)] == ["price"]


def test_short_forms_are_written_out() -> None:
    assert [normalise(word) for word in ("don't", "it's", "We’re", "can't", "boss's")] == [
        "do not",
        "it is",
        "we are",
        "can not",
        "bosss",
    ]
    assert as_heard("It's 20 %, isn't it?") == "it's 20 isn't it"


def test_rules_that_are_wrong_are_told_with_their_file(tmp_path: Path) -> None:
    with pytest.raises(BadRules, match=r"common\.toml"):
        rule_book(tmp_path)
    for path in Path("app/sales/rules").resolve().glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "price.toml").write_text(
        'strong = ["{nonsense} expensive"]\nanswers = ["a"]', encoding="utf-8"
    )
    rule_book.cache_clear()
    with pytest.raises(BadRules, match=r"price\.toml: unknown macro \{nonsense\}"):
        rule_book(tmp_path)
