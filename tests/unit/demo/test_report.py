"""What the demo says at its end."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from app.demo.measure import Measurement
from app.demo.report import (
    phrase_line,
    phrase_table,
    summarise,
    summary_rows,
    summary_table,
    verdict,
)


def phrase(outcome: str, lateness: float = 0.0, reason: str = "") -> dict[str, Any]:
    return {
        "outcome": outcome,
        "lateness": lateness,
        "reason": reason,
        "start": 65.2,
        "source": "[good] evening",
        "target": "buenas noches",
    }


MIXED = [
    phrase("in_time", 0.02),
    phrase("in_time", 0.04),
    phrase("late", 0.3),
    phrase("passed_through", reason="no words were recognised"),
]


def test_the_summary_counts_outcomes_and_measures_only_dubs() -> None:
    summary = summarise(MIXED)
    assert summary.counts == {"in_time": 2, "late": 1, "dropped": 0, "passed_through": 1, "wordless": 0}
    assert (summary.phrases, summary.dubbed) == (4, 3)
    assert summary.lag.count == 3
    assert summary.lag.highest == 0.3


def test_the_rows_say_what_was_measured_and_leave_out_what_was_not() -> None:
    rows = dict(summary_rows(summarise(MIXED), Measurement().figures(), "out/x.mp4"))
    assert rows["dubbed in time"] == "2 (50 %)"
    assert rows["recording"] == "out/x.mp4"
    assert "picture delay p50 / p99" not in rows


def test_a_demo_that_dubbed_is_a_success() -> None:
    assert verdict(True, summarise(MIXED), ["something"]) == ""


def test_without_a_stream_it_says_what_to_look_at() -> None:
    said = verdict(False, summarise([]), ["", "reading: 404 Not Found"])
    assert "No dubbed stream arrived" in said
    assert "404 Not Found" in said
    assert "python -m app doctor" in said


def test_without_a_dubbed_phrase_it_gives_the_reasons() -> None:
    said = verdict(True, summarise([phrase("passed_through", reason="speech service down")]), [])
    assert "no phrase was dubbed" in said
    assert "speech service down" in said


def test_a_line_shows_time_outcome_and_both_texts() -> None:
    line = phrase_line(phrase("late", 0.3))
    assert line.startswith("01:05  late, lag 0.30 s")
    assert line.endswith("[good] evening  →  buenas noches")


def test_texts_are_never_taken_for_markup() -> None:
    console = Console(width=100, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as shown:
        console.print(phrase_table(MIXED, "title"))
        console.print(summary_table([("recording", "[b]out[/b]")]))
    assert "[good] evening" in shown.get()
    assert "[b]out[/b]" in shown.get()
