"""What kind of objection a sentence is most like: a linear classifier that learns from examples at start.

Ridge regression over words, pairs of words, and the concepts of rules/concepts.toml, which stand for words
that mean much the same. The examples are rules/examples.jsonl. The same files give the same answers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.sales.messages import KINDS, Kind
from app.sales.rule_book import FOLDER, read
from app.sales.words import sentence

ANSWERS: tuple[Kind | None, ...] = (None, *KINDS)
RIDGE = 0.6
WORD, PAIR, CONCEPT, CONCEPTS_BESIDE, CONCEPTS_TOGETHER = 1.0, 0.7, 1.0, 0.5, 0.3
"""How much each sort of feature weighs; these and RIDGE were chosen by cross-validation on the examples."""
SEEN = 2
"""Sentences that must have a feature before it counts."""
LONGEST_ENDING = 4

Numbers = NDArray[np.float32]


class Classifier:
    """Learns when it is made, in about a second; then judges a sentence in less than a millisecond."""

    def __init__(self, examples: Iterable[tuple[str, Kind | None]], concepts: Concepts) -> None:
        self._concepts = concepts
        texts, kinds = zip(*examples, strict=True)
        found = [features(text, concepts) for text in texts]
        seen = Counter(name for each in found for name in each)
        self._places = {name: at for at, name in enumerate(sorted(n for n in seen if seen[n] >= SEEN))}
        self._rarity = np.array([np.log((len(texts) + 1) / (seen[n] + 1)) for n in self._places], np.float32)
        known = np.zeros((len(texts), len(self._places)), np.float32)
        for row, each in zip(known, found, strict=True):
            places, values = self._vector(each)
            row[places] = values
        wanted = np.array([[1.0 if kind == answer else -1.0 for answer in ANSWERS] for kind in kinds])
        self._usual = wanted.mean(axis=0)
        alike = known @ known.T + RIDGE * np.eye(len(texts), dtype=np.float32)
        self._weights = known.T @ np.linalg.solve(alike, (wanted - self._usual).astype(np.float32))

    def judge(self, text: str) -> dict[Kind, float]:
        """For each kind how much more a sentence is like it than like no objection, about -2 to 2."""
        places, values = self._vector(features(text, self._concepts))
        none, *kinds = (values @ self._weights[places] + self._usual).tolist()
        return {kind: value - none for kind, value in zip(KINDS, kinds, strict=True)}

    def _vector(self, found: Mapping[str, float]) -> tuple[list[int], Numbers]:
        names = [name for name in found if name in self._places]
        places = [self._places[name] for name in names]
        values = np.array([found[name] for name in names], np.float32) * self._rarity[places]
        return places, values / max(float(np.linalg.norm(values)), 1e-6)


class Concepts:
    """Which concepts a word belongs to; `word*` in the file also means the word with a short ending."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._whole: dict[str, set[str]] = {}
        for concept, listed in words.items():
            for word in listed.split():
                self._whole.setdefault(word, set()).add(concept)

    def of(self, word: str) -> frozenset[str]:
        """The concepts of a word in its normal form."""
        found = set(self._whole.get(word, ()))
        for ending in range(LONGEST_ENDING + 1):
            found |= self._whole.get(f"{word[: len(word) - ending]}*", set())
        return frozenset(found)


def features(text: str, concepts: Concepts) -> dict[str, float]:
    """What is told of a sentence, and how much each weighs."""
    said = sentence(text)
    words = said.normal.split() + (["?"] if said.is_question else [])
    meant = [concepts.of(word) for word in words]
    found = {f"word {word}": WORD for word in words}
    found |= {f"pair {one} {other}": PAIR for one, other in pairwise(["<", *words, ">"])}
    found |= {f"concept {concept}": CONCEPT for each in meant for concept in each}
    for (word, mine), (following, its) in pairwise(zip(words, meant, strict=True)):
        beside = product(sorted(mine) or [word], sorted(its) or [following])
        found |= {f"beside {one} {other}": CONCEPTS_BESIDE for one, other in beside}
    together = combinations(sorted(frozenset().union(*meant)), 2)
    return found | {f"together {one} {other}": CONCEPTS_TOGETHER for one, other in together}


@cache
def classifier(folder: Path = FOLDER) -> Classifier:
    """The classifier that has learnt a folder's examples. Raises BadRules."""
    lines = (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples = [(example["text"], example["kind"]) for example in map(json.loads, lines)]
    return Classifier(examples, Concepts(read(folder / "concepts.toml")))
