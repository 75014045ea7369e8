"""What the commentary demo shows: comments as they come, and the score at its end."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from app.demo.commentary.score import (
    ENOUGH,
    SHOWN_WITHIN,
    SPOKEN_WITHIN,
    Happened,
    Said,
    Score,
)
from app.demo.statistics import Spread


def line(said: Said, began: float) -> Text:
    """A comment as a line, with the time since the video began."""
    return Text.assemble(f"{said.arrived - began:6.1f}  ", (f"{said.why:8}", "cyan"), said.text)


def score_table(score: Score) -> Table:
    """What happened, how much of that was told, and how it was told; beside it what is aimed at."""
    table = Table("", "measured", "aim")
    for what, title in (
        ("cut", "cuts told"),
        ("moves", "movements told"),
        ("fade", "fades told"),
        ("text", "texts told"),
    ):
        found = [each for each in score.happened if each.planted.what == what]
        told = [each for each in found if each.said]
        aim = f"{ENOUGH:.0%}" if what == "cut" else ""
        table.add_row(title, f"{len(told)} of {len(found)}{rightly(told)}", aim)
    table.add_row("in still scenes, beyond one a minute", str(len(score.too_many)), "0")
    table.add_row("of nothing that was planted", str(len(score.of_nothing)), "")
    table.add_row("cut sent to comment shown", times(score.shown), f"p95 {SHOWN_WITHIN:.1f} s")
    table.add_row("cut sent to speech begun", times(score.spoken), f"p95 {SPOKEN_WITHIN:.1f} s")
    return table


def rightly(told: list[Happened]) -> str:
    """How many of the comments name what is to be seen."""
    return f", {sum(each.right for each in told)} of them rightly" if told else ""


def times(found: Spread) -> str:
    """A spread of delays for people."""
    return f"p50 {found.p50:.2f} s, p95 {found.p95:.2f} s" if found.count else "none"
