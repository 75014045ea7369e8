"""Precision and recall on labelled sentences of what finds objections: python -m tests.bench.objections.

The classifier has learnt app/sales/rules/examples.jsonl, and the rules were widened with three parts of it
in mind: what they do there says little. tests/data/objections.jsonl is learnt by neither. Of that,
`development` was written by the hand that wrote the examples and right before them; `fresh` was written
earlier, all but one never read since, and tells how they do on what nobody thought of. `as heard` is a
sentence without capitals and punctuation.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.sales.messages import KINDS
from app.sales.rule_book import FOLDER
from app.sales.rule_engine import RuleEngine

SENTENCES = (FOLDER / "examples.jsonl", Path(__file__).parents[1] / "data" / "objections.jsonl")
TUNING, HELD_OUT, SECOND, EXAMPLES = "tuning", "held out", "second held out", "examples"
DEVELOPMENT, FRESH = "development", "fresh"
HALVES = (TUNING, HELD_OUT, SECOND, EXAMPLES, DEVELOPMENT, FRESH)


@dataclass(frozen=True)
class Sentence:
    """A labelled sentence; `kind` is None where it objects to nothing."""

    text: str
    kind: str | None
    half: str


@dataclass(frozen=True)
class Score:
    """How many objections were found, missed, or seen where there is none."""

    found: int
    missed: int
    false: int

    @property
    def precision(self) -> float:
        """The share of what was reported that is right; 1 where nothing was."""
        reported = self.found + self.false
        return self.found / reported if reported else 1.0

    @property
    def recall(self) -> float:
        """The share of what is there that was found; 1 where there is nothing."""
        there = self.found + self.missed
        return self.found / there if there else 1.0


def labelled(half: str | None = None) -> list[Sentence]:
    """The sentences of a half, or all of them."""
    lines = [line for path in SENTENCES for line in path.read_text(encoding="utf-8").splitlines()]
    sentences = [Sentence(**json.loads(line)) for line in lines]
    return [each for each in sentences if half is None or each.half == half]


def as_heard(text: str) -> str:
    """The sentence as a recogniser without punctuation gives it."""
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())


def reported(engine: RuleEngine, sentence: Sentence, heard: bool = False) -> set[str]:
    """The kinds that the rules see in it."""
    text = as_heard(sentence.text) if heard else sentence.text
    return {match.kind for match in engine.matches(text)}


def score(
    engine: RuleEngine, sentences: Sequence[Sentence], kind: str | None = None, heard: bool = False
) -> Score:
    """The score by kind: an objection that is called another kind is both missed and false."""
    found = missed = false = 0
    for sentence in sentences:
        kinds = reported(engine, sentence, heard)
        wanted = {sentence.kind} if sentence.kind else set()
        if kind is not None:
            kinds, wanted = kinds & {kind}, wanted & {kind}
        found += len(kinds & wanted)
        missed += len(wanted - kinds)
        false += len(kinds - wanted)
    return Score(found, missed, false)


def main() -> None:
    """Prints a table by half and kind, and where asked for what went wrong in the tuning half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mistakes", action="store_true", help="show the tuning half's mistakes")
    options = parser.parse_args()
    engine = RuleEngine()
    print(f"{'':24}{'sentences':>10}{'found':>7}{'missed':>8}{'false':>7}{'precision':>11}{'recall':>8}")
    for half in HALVES:
        for heard in (False, True):
            sentences = labelled(half)
            show(
                f"{half}{', as heard' if heard else ''}",
                len(sentences),
                score(engine, sentences, heard=heard),
            )
    for kind in KINDS:
        sentences = labelled()
        count = sum(each.kind == kind for each in sentences)
        show(kind, count, score(engine, sentences, kind))
    if options.mistakes:
        for sentence in labelled(TUNING):
            kinds = reported(engine, sentence)
            if kinds != ({sentence.kind} if sentence.kind else set()):
                print(f"{sentence.kind or '-':12} {', '.join(sorted(kinds)) or '-':20} {sentence.text}")


def show(name: str, count: int, result: Score) -> None:
    """Prints one line of the table."""
    print(
        f"{name:24}{count:10}{result.found:7}{result.missed:8}{result.false:7}"
        f"{result.precision:11.3f}{result.recall:8.3f}"
    )


if __name__ == "__main__":
    main()
