"""The commentary demo's script, video and score (COM-2)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from app.commentary.change import look
from app.commentary.scene import Scene
from app.demo.commentary.report import score_table
from app.demo.commentary.score import Said, score
from app.demo.commentary.script import LEAD, SIGN, Planted, lay_out
from app.demo.commentary.video import RATE, pictures

PLANTED = lay_out(1, 2, 20.0)
SENT = [(each, 100.0 + each.at) for each in PLANTED]
WHYS = {"cut": "cut", "moves": "motion", "fade": "fade", "text": "text"}


def said_of(each: Planted, late: float = 0.4) -> Said:
    """A comment on that, in time."""
    arrived = 100.0 + each.at + each.seconds + late
    return Said(WHYS[each.what], f"to the right, mostly {each.colour}: {SIGN}", arrived, arrived + 0.5)


def test_the_script_goes_on_without_a_gap_and_has_what_is_scored() -> None:
    assert all(before.until == after.at for before, after in pairwise(PLANTED))
    assert PLANTED[0].until == LEAD
    assert [each.what for each in PLANTED] == [
        "start",
        "cut",
        "cut",
        "cut",
        "moves",
        "fade",
        "text",
        "cut",
        "still",
    ]


def test_what_is_drawn_is_what_commentary_measures() -> None:
    planted = lay_out(1, 1, 1.0)
    scene = Scene()
    found = []
    for number, picture in enumerate(pictures(planted)):
        if number % (RATE // 5) == 0:
            found += scene.step(look(picture), number / RATE)
    told = [(each.what, each.colour) for each in found]
    assert told == [(each.what, each.colour) for each in planted if each.what not in ("still", "text")]


def test_a_comment_on_all_that_happens_is_a_full_score() -> None:
    result = score(
        SENT, [Said("start", "We see", 100.5), *(said_of(each) for each in PLANTED if each.what in WHYS)]
    )
    assert result.is_good
    assert (result.share, result.too_many, result.of_nothing) == (1.0, [], [])
    assert all(each.right for each in result.happened)
    assert result.shown.p95 == pytest.approx(0.4)
    assert result.spoken.p95 == pytest.approx(0.9)
    assert score_table(result).row_count == 8


def test_what_is_missed_late_or_of_nothing_is_counted() -> None:
    cuts = [each for each in PLANTED if each.what == "cut"]
    result = score(
        SENT, [said_of(cuts[0]), said_of(cuts[1], late=3.8), Said("light", "It gets darker.", 101.0)]
    )
    assert not result.is_good
    assert result.share == 1 / 4
    assert [each.why for each in result.of_nothing] == ["cut", "light"]


def test_a_still_scene_may_be_told_once_a_minute() -> None:
    still = PLANTED[-1]
    began = 100.0 + still.at
    all_else = [said_of(each) for each in PLANTED if each.what in WHYS]
    one, two = Said("still", "Nothing has moved.", began + 5), Said("motion", "Something moves.", began + 9)
    assert score(SENT, [*all_else, one]).is_good
    assert score(SENT, [*all_else, one, two]).too_many == [two]
