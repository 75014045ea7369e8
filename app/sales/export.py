"""A call as a file: JSON, text for reading, or a table. Pure."""

from __future__ import annotations

import csv
import io
from typing import Literal

from app.sales.messages import WholeCall

Format = Literal["json", "txt", "csv"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
COLUMNS = ("start", "end", "channel", "what", "kind", "text", "confidence", "smokescreen", "answers")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(call: WholeCall, form: Format) -> str:
    """The text of the file."""
    if form == "json":
        return call.model_dump_json(indent=2)
    return as_text(call) if form == "txt" else as_table(call)


def clock(seconds: float) -> str:
    """A time in the call for people: 1:02:03, or 2:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def as_text(call: WholeCall) -> str:
    """What was said and objected to, in the order of time."""
    lines = [call.title or f"Call {call.id}", f"{call.started}, {call.language}", ""]
    said = [(each.start, 0, f"{clock(each.start)} {each.channel}: {each.text}") for each in call.segments]
    for each in call.objections:
        screen = ", may be a smokescreen" if each.smokescreen else ""
        text = f'    ! {each.kind} ({each.confidence:.0%}{screen}): "{each.quote}"'
        said.append((each.end, 1, "\n".join([text, *(f"      - {answer}" for answer in each.answers)])))
    return "\n".join([*lines, *(line for _, _, line in sorted(said)), ""])


def as_table(call: WholeCall) -> str:
    """One row for each segment and each objection; no cell is a formula to a spreadsheet."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    rows: list[tuple[object, ...]] = [
        (each.start, each.end, each.channel, "said", "", each.text, "", "", "") for each in call.segments
    ]
    rows += [
        (
            *(each.start, each.end, each.channel, "objection", each.kind, each.quote),
            *(each.confidence, each.smokescreen, " | ".join(each.answers)),
        )
        for each in call.objections
    ]
    for row in sorted(rows, key=lambda row: (row[0], row[3] == "objection")):
        writer.writerow([harmless(cell) for cell in row])
    return sink.getvalue()


def harmless(cell: object) -> object:
    """A text that a spreadsheet would take for a formula, made a text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
