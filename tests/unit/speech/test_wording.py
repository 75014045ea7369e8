"""Normalisation, glossary and Apertium's repairs, case by case (tests/data/wording.toml). (DUB-11)"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from app.speech.engines.apertium import Apertium
from app.speech.engines.apertium_text import ending, prepare
from app.speech.engines.identity import Identity
from app.speech.protocol import Profile
from app.speech.text.glossary import Glossary, stand_in
from app.speech.text.normal import written_out
from app.speech.text.wording import Wording
from app.speech.types import Translator

CASES: dict[str, Any] = tomllib.loads(Path("tests/data/wording.toml").read_text(encoding="utf-8"))
PROFILE = Profile(**CASES["glossary"])


def cases(kind: str, *keys: str) -> list[tuple[str, ...]]:
    return [(*(group[key] for key in keys), *case) for group in CASES[kind] for case in group["cases"]]


@pytest.fixture(scope="module")
def apertium() -> Iterator[Apertium]:
    engine = Apertium()
    engine.load()
    yield engine
    engine.close()


def test_there_are_more_than_150_cases() -> None:
    assert (
        sum(len(group["cases"]) for kind in ("written", "glossed", "repaired") for group in CASES[kind])
        >= 150
    )


@pytest.mark.parametrize(("language", "text", "expected"), cases("written", "language"))
def test_signs_and_abbreviations_are_written_out(language: str, text: str, expected: str) -> None:
    assert written_out(text, language) == expected
    assert written_out(expected, language) == expected, "once is enough"


@pytest.mark.parametrize(("translator", "text", "expected"), cases("glossed", "translator"))
def test_the_glossary_holds_whichever_engine_translates(
    translator: str, text: str, expected: str, apertium: Apertium
) -> None:
    engine = cast(Translator, apertium if translator == "apertium" else Identity())
    target = "es" if translator == "apertium" else "en"
    assert Wording(PROFILE, target).translated(engine, text, "en", "") == expected


@pytest.mark.parametrize(("source", "target", "text", "expected"), cases("repaired", "source", "target"))
def test_what_apertium_gets_wrong_for_certain_is_mended(
    source: str, target: str, text: str, expected: str, apertium: Apertium
) -> None:
    assert apertium.translate(text, source, target) == expected


class Loses(Identity):
    """A translator that drops every word it does not know, as a neural one may."""

    def translate(self, text: str, source: str, target: str, context: str = "") -> str:
        assert source == target, context
        return " ".join(word for word in text.split() if not word.startswith(stand_in(0)[:2]))


def test_a_phrase_whose_stand_ins_are_lost_is_translated_without_glossary() -> None:
    assert Wording(PROFILE, "en").translated(Loses(), "A goal kick here.", "en", "") == "A goal kick here."


def test_stand_ins_are_letters_that_no_two_words_share() -> None:
    words = [stand_in(number) for number in range(100)]
    assert len(set(words)) == 100
    assert all(word.isalpha() for word in words)
    text, hidden = Glossary(["A", "B"]).hidden("a b a")
    assert Glossary(["A", "B"]).shown(text, hidden, "es") == "A B A"


def test_without_normalisation_signs_stay() -> None:
    wording = Wording(Profile(normalise=False), "en")
    assert wording.translated(Identity(), "It costs $5.", "en", "") == "It costs $5."
    assert wording.spoken("It costs $5.") == "It costs $5."
    assert Wording(Profile(), "en").spoken("It costs $5.") == "It costs 5 dollars."


def test_part_of_a_sentence_gets_no_full_stop_that_it_did_not_have() -> None:
    assert prepare("and then, he won,") == "and then, he won."
    assert ending("y entonces, ganó.", "and then, he won,") == "y entonces, ganó,"
    assert ending("Ganó.", "He won") == "Ganó"
    assert ending("Ganó.", "he won") == "Ganó.", "a recogniser without punctuation says nothing about it"
