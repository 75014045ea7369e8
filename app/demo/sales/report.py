"""What the sales demo shows: the transcript with its objections, and the score at its end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app.demo.sales.score import Score, Seen
from app.sales.messages import Channel, SegmentEvent

SHOWN = 14
COLOURS: dict[Channel, str] = {"seller": "cyan", "customer": "green", "call": "white"}


def line(event: SegmentEvent | Seen) -> Text:
    """A segment or an objection as a line."""
    if isinstance(event, SegmentEvent):
        return Text.assemble(
            f"{event.start:6.1f}  ", (f"{event.channel:14}", COLOURS[event.channel]), event.text
        )
    found = event.objection
    screen = ", may be a smokescreen" if found.smokescreen else ""
    return Text.assemble(
        f"{event.arrived:6.1f}  ",
        (f"{'! ' + found.kind:14}", "bold red"),
        f'"{found.quote}" ({found.confidence:.0%}{screen})',
        (f"\n{'':22}{found.answers[0]}" if found.answers else "", "dim"),
    )


def table(events: Sequence[SegmentEvent | Seen], speaking: dict[Channel, str], title: str) -> Table:
    """The newest lines, and what is being said."""
    made = Table(title=title, show_header=False, box=None, title_justify="left")
    for event in list(events)[-SHOWN:]:
        made.add_row(line(event))
    for channel, text in speaking.items():
        if text:
            made.add_row(Text.assemble(f"{'':8}", (f"{channel:14}", COLOURS[channel]), (f"{text} …", "dim")))
    return made


def score_table(score: Score) -> Table:
    """The score: each planted objection with its delay, what was missed and what was false, the sums."""
    made = Table("planted", "sentence", "found", "after its end")
    rows = [(placed, seen) for placed, seen in score.found] + [(placed, None) for placed in score.missed]
    for placed, seen in sorted(rows, key=lambda row: row[0].start):
        delay = f"{seen.arrived - placed.end:.2f} s" if seen else ""
        made.add_row(placed.line.kind, placed.line.text, "yes" if seen else "[red]no[/red]", delay)
    for each in score.false:
        made.add_row("[yellow]not planted[/yellow]", each.objection.quote, each.objection.kind, "")
    return made


def sentence(score: Score) -> str:
    """The score in one sentence."""
    planted = len(score.found) + len(score.missed)
    text = f"{len(score.found)} of {planted} planted objections found, {len(score.false)} not planted"
    if score.found:
        text += (
            f"; after the end of the sentence: {score.delay.p50:.2f} s (p50), {score.delay.p95:.2f} s (p95)"
        )
    return text
