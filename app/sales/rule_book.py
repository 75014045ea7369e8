"""The rules as they are written down: phrase patterns by kind, near misses, answers.

Patterns are regular expressions over the normal form of a sentence (app.sales.words); {name} in one is
a macro of common.toml. What is wrong in a file stops the start, with its name.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.sales.messages import KINDS, Kind
from app.sales.words import MENDED_FROM

STRENGTHS = {"strong": 0.9, "likely": 0.7, "asked": 0.75}
"""The lists of a rule file and how sure their patterns are; those under `asked` hold for questions too."""
FOLDER = Path(__file__).parent / "rules"
MACRO = re.compile(r"\{([a-z_]+)\}")
LETTERS = re.compile(rf"(?<![\\a-z])[a-z]{{{MENDED_FROM},}}(?![a-z]|[?*])")


class BadRules(ValueError):
    """A rule file that cannot be used. The message names the file and what is wrong."""


@dataclass(frozen=True)
class Rule:
    """One pattern: what it says about a sentence, and how sure that is (0 to 1)."""

    kind: Kind
    pattern: re.Pattern[str]
    confidence: float
    asked: bool = False
    """Whether it holds for a question too."""


@dataclass(frozen=True)
class Topic:
    """What belongs to a kind: its near misses, its answers, whether it often hides another reason."""

    near_misses: tuple[re.Pattern[str], ...]
    answers: tuple[str, ...]
    smokescreen: bool


@dataclass(frozen=True)
class RuleBook:
    """All rules. `near_misses` are sentences that object to nothing; `negations` stand before a match
    that says the contrary; `questions` are how questions begin; `vocabulary` are the patterns' long words.
    """

    rules: tuple[Rule, ...]
    topics: dict[Kind, Topic]
    near_misses: tuple[re.Pattern[str], ...]
    negations: tuple[re.Pattern[str], ...]
    questions: tuple[re.Pattern[str], ...]
    vocabulary: frozenset[str]


@cache
def rule_book(folder: Path = FOLDER) -> RuleBook:
    """The rules of a folder. Raises BadRules."""
    common = read(folder / "common.toml")
    macros: dict[str, str] = {}
    for name, text in common["macros"].items():
        macros[name] = expand(text, macros, "common.toml")
    rules: list[Rule] = []
    topics: dict[Kind, Topic] = {}
    for kind in KINDS:
        name = f"{kind.replace(' ', '-')}.toml"
        document = read(folder / name)
        for strength, confidence in STRENGTHS.items():
            rules += [
                Rule(kind, compiled(text, macros, name), confidence, strength == "asked")
                for text in document.get(strength, ())
            ]
        topics[kind] = Topic(
            tuple(compiled(text, macros, name) for text in document.get("near_misses", ())),
            tuple(document["answers"][:3]),
            bool(document.get("smokescreen", False)),
        )
    return RuleBook(
        tuple(rules),
        topics,
        tuple(compiled(text, macros, "common.toml") for text in common["near_misses"]),
        tuple(compiled(f"(?:{text})$", macros, "common.toml") for text in common["negations"]),
        tuple(compiled(f"^(?:{text})", macros, "common.toml") for text in common["questions"]),
        frozenset(word for rule in rules for word in LETTERS.findall(rule.pattern.pattern)),
    )


def read(path: Path) -> dict[str, Any]:
    """A rule file. Raises BadRules."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadRules(f"{path.name}: {error}") from None


def expand(text: str, macros: dict[str, str], name: str) -> str:
    """A pattern with its macros written out. Raises BadRules for one that is unknown."""

    def meaning(found: re.Match[str]) -> str:
        if found[1] not in macros:
            raise BadRules(f"{name}: unknown macro {{{found[1]}}} in {text!r}")
        return f"(?:{macros[found[1]]})"

    return MACRO.sub(meaning, text)


def compiled(text: str, macros: dict[str, str], name: str) -> re.Pattern[str]:
    """A pattern of whole words. Raises BadRules where it is no regular expression."""
    try:
        return re.compile(rf"(?<!\w)(?:{expand(text, macros, name)})(?!\w)")
    except re.error as error:
        raise BadRules(f"{name}: {text!r} is no regular expression: {error}") from None
