"""The sales demo's script and score (LIV-4)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from app.demo.sales.report import sentence
from app.demo.sales.score import Seen, score
from app.demo.sales.script import CALL, PAUSE, lay_out, reading_times
from app.sales.messages import KINDS, ObjectionEvent
from app.sales.rule_engine import RuleEngine

PLACED = lay_out(CALL, reading_times(CALL))
PLANTED = [each for each in PLACED if each.line.kind]


def seen(number: int, late: float = 1.0, **changed: Any) -> Seen:
    """The planted objection of that number as it might be seen."""
    placed = PLANTED[number]
    document: dict[str, Any] = {
        "id": number,
        "channel": placed.line.channel,
        "kind": placed.line.kind,
        "quote": placed.line.text,
        "start": placed.start + 0.3,
        "end": placed.end + 0.3,
        "confidence": 0.9,
        "answers": [],
        "smokescreen": False,
        "engine": "rules",
        **changed,
    }
    return Seen(ObjectionEvent(**document), placed.end + late)


def test_lines_follow_each_other_with_a_pause_and_plant_nearly_every_kind_once() -> None:
    for one, other in pairwise(PLACED):
        assert abs(other.start - one.end - PAUSE) < 1e-9
    kinds = [each.line.kind for each in PLANTED]
    assert len(kinds) == len(set(kinds)) >= len(KINDS) - 1
    assert all(each.line.channel == "customer" for each in PLANTED)


def test_the_rules_find_just_what_is_planted_where_every_word_is_heard() -> None:
    engine = RuleEngine()
    for line in CALL:
        if line.channel == "customer":
            assert [match.kind for match in engine.matches(line.text)] == ([line.kind] if line.kind else [])


def test_found_missed_and_false_are_told_apart() -> None:
    result = score(PLACED, [seen(0, 0.5), seen(1, 1.5), seen(2, kind="trust"), seen(3, start=0, end=0.5)])
    assert [placed for placed, _ in result.found] == PLANTED[:2]
    assert result.missed == PLANTED[2:]
    assert len(result.false) == 2
    assert not result.is_good
    assert (round(result.delay.p50, 3), result.precision) == (1.0, 0.5)
    assert f"2 of {len(PLANTED)} planted objections found, 2 not planted" in sentence(result)


def test_everything_found_is_good_and_the_same_one_twice_is_once_false() -> None:
    everything = [seen(number) for number in range(len(PLANTED))]
    assert score(PLACED, everything).is_good
    assert len(score(PLACED, [*everything, seen(0)]).false) == 1
    assert "found" in sentence(score(PLACED, []))
