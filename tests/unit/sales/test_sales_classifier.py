"""The classifier: it learns from examples, the same every time, and knows concepts (LIV-6)."""

from __future__ import annotations

import json
import time

import numpy as np

from app.sales.classifier import Classifier, Concepts, classifier
from app.sales.messages import Kind
from app.sales.rule_book import FOLDER
from app.sales.rule_engine import LIKE_ONE, RuleEngine
from tests.bench.objections import DEVELOPMENT, EXAMPLES, FRESH, labelled, score

CONCEPTS = Concepts({"absence": "ill sick flu", "money": "cash fund*"})
FEW: list[tuple[str, Kind | None]] = [
    ("Two people are ill.", "timing"),
    ("My boss is sick.", "timing"),
    ("There is no cash here.", "budget"),
    ("The fund is empty.", "budget"),
    ("The garden is green.", None),
    ("There is a dog here.", None),
]


def test_a_word_that_it_never_saw_counts_as_its_concept() -> None:
    learnt = Classifier(FEW, CONCEPTS)
    unseen = learnt.judge("Everybody got flu.")
    assert max(unseen, key=lambda kind: unseen[kind]) == "timing"
    assert unseen["timing"] > 0


def test_a_star_stands_for_a_short_ending() -> None:
    assert CONCEPTS.of("funding") == {"money"}
    assert CONCEPTS.of("fundamentals") == CONCEPTS.of("fun") == CONCEPTS.of("") == frozenset()


def test_what_is_learnt_is_the_same_every_time() -> None:
    one, other = (Classifier(FEW, CONCEPTS) for _ in range(2))
    said = "My boss is ill and there is no cash."
    assert np.allclose(list(one.judge(said).values()), list(other.judge(said).values()))


def test_words_that_no_example_has_are_no_objection() -> None:
    assert max(classifier().judge("Xyzzy qwerty.").values()) < LIKE_ONE
    assert RuleEngine().matches("") == RuleEngine().matches("...") == []


def test_a_sentence_is_judged_in_milliseconds() -> None:
    learnt = classifier()
    before = time.process_time()
    for each in labelled(DEVELOPMENT):
        learnt.judge(each.text)
    assert time.process_time() - before < 0.005 * len(labelled(DEVELOPMENT))


def test_of_sentences_that_nothing_has_learnt_most_are_found_and_most_reports_are_right() -> None:
    result = score(RuleEngine(), labelled(DEVELOPMENT))
    assert result.recall >= 0.6
    assert result.precision >= 0.8


def test_no_sentence_that_tests_hold_back_has_been_learnt() -> None:
    lines = (FOLDER / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    learnt = {json.loads(line)["text"] for line in lines}
    assert len(learnt) == len(lines) > len(labelled(EXAMPLES)) > 1000
    assert not learnt & {each.text for half in (DEVELOPMENT, FRESH) for each in labelled(half)}
