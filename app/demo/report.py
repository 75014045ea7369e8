"""What the demo tells: a phrase as a line or a row, and the summary at its end. Pure but for the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from app.demo.follow import Document
from app.demo.measure import Figures
from app.demo.statistics import Spread, spread

OUTCOMES = {
    "in_time": "in time",
    "late": "late",
    "dropped": "dropped",
    "passed_through": "original",
    "wordless": "no words",
}
COLOURS = {
    "in_time": "green",
    "late": "yellow",
    "dropped": "red",
    "passed_through": "magenta",
    "wordless": "dim",
}
SHOWN = 12


@dataclass(frozen=True)
class Summary:
    """Phrases by outcome, and the lag in seconds of those that were dubbed."""

    counts: dict[str, int]
    lag: Spread
    reasons: tuple[str, ...]

    @property
    def phrases(self) -> int:
        """All phrases; what had no words in it is none."""
        return sum(self.counts.values()) - self.counts["wordless"]

    @property
    def dubbed(self) -> int:
        """Phrases whose dub was heard."""
        return self.counts["in_time"] + self.counts["late"]


def summarise(phrases: Sequence[Document]) -> Summary:
    """The summary of phrase records; the most frequent reasons for no dub come first."""
    counted = Counter(phrase["outcome"] for phrase in phrases)
    dubbed = [phrase["lateness"] for phrase in phrases if phrase["outcome"] in ("in_time", "late")]
    reasons = Counter(phrase["reason"] for phrase in phrases if phrase["reason"])
    return Summary(
        {outcome: counted[outcome] for outcome in OUTCOMES},
        spread(dubbed),
        tuple(reason for reason, _ in reasons.most_common(3)),
    )


def verdict(received: bool, summary: Summary, problems: Sequence[str]) -> str:
    """Why the demo failed and what to do next, or nothing where it succeeded."""
    known = [problem for problem in problems if problem]
    said = f" The last thing heard: {known[0]}." if known else ""
    if not received:
        return (
            f"No dubbed stream arrived.{said} "
            "`python -m app status` shows which service is missing, `python -m app doctor` what it lacks."
        )
    if not summary.dubbed:
        why = f" Reasons: {'; '.join(summary.reasons)}." if summary.reasons else said
        return f"The stream arrived, but no phrase was dubbed.{why} Look at the log of sts."
    return ""


def outcome_text(phrase: Document) -> str:
    """Outcome in words: with the lag of a dub, or why there is none."""
    word = OUTCOMES[phrase["outcome"]]
    if phrase["outcome"] in ("in_time", "late"):
        return f"{word}, lag {phrase['lateness']:.2f} s"
    return f"{word}: {phrase['reason']}" if phrase["reason"] else word


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


def phrase_line(phrase: Document) -> str:
    """A phrase as one plain line."""
    return (
        f"{clock(phrase['start'])}  {outcome_text(phrase):<24}  "
        f"{phrase['source'] or '…'}  →  {phrase['target'] or '…'}"
    )


def phrase_table(phrases: Sequence[Document], title: str) -> Table:
    """The newest phrases as a table."""
    table = Table(title=title, title_justify="left", expand=True)
    table.add_column("at", no_wrap=True)
    table.add_column("heard", ratio=4)
    table.add_column("dubbed", ratio=4)
    table.add_column("", ratio=2)
    for phrase in phrases[-SHOWN:]:
        table.add_row(
            clock(phrase["start"]),
            Text(phrase["source"]),
            Text(phrase["target"]),
            Text(outcome_text(phrase), style=COLOURS[phrase["outcome"]]),
        )
    return table


def summary_rows(summary: Summary, figures: Figures, recording: str) -> list[tuple[str, str]]:
    """The summary as names and values."""
    share = f" ({100 * summary.counts['in_time'] / summary.phrases:.0f} %)" if summary.phrases else ""
    delay, skew, lag = figures.delay, figures.skew, summary.lag
    rows = [
        ("phrases", str(summary.phrases)),
        ("dubbed in time", f"{summary.counts['in_time']}{share}"),
        ("late", str(summary.counts["late"])),
        ("dropped", str(summary.counts["dropped"])),
        ("original passed through", str(summary.counts["passed_through"])),
        ("sounds without words", str(summary.counts["wordless"])),
    ]
    if lag.count:
        rows.append(("dub lag p50 / p95 / p99", f"{lag.p50:.3f} / {lag.p95:.3f} / {lag.p99:.3f} s"))
    if delay.count:
        rows.append(("picture delay p50 / p99", f"{delay.p50:.3f} / {delay.p99:.3f} s"))
        rows.append(("picture delay varies by", f"{1000 * delay.variation:.0f} ms (p99 - p1)"))
    if skew.count:
        rows.append(
            ("sound after picture", f"{1000 * skew.p50:+.0f} ms median of {skew.count} beeps, {worst(skew)}")
        )
    rows.append(("holes in the sound", f"{figures.gaps}, the longest {1000 * figures.longest_gap:.0f} ms"))
    if recording:
        rows.append(("recording", recording))
    return rows


def worst(skew: Spread) -> str:
    """The skew that is farthest from none, in words."""
    return f"worst {1000 * max(skew.p1, skew.highest, key=abs):+.0f} ms"


def summary_table(rows: Sequence[tuple[str, str]]) -> Table:
    """The summary as a table."""
    table = Table(title="Summary", title_justify="left", show_header=False)
    for name, value in rows:
        table.add_row(name, Text(value))
    return table
