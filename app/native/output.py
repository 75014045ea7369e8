"""What the supervisor shows: one stream of lines with the service's name in front, and a table."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.table import Table

from app.service import hide_credentials

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
OWN_NAME = "voicestack"


class Lines:
    """Writes lines of several sources to one stream, each with its source in front."""

    def __init__(self, names: Iterable[str], style: str = "plain", stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.style = style
        self.coloured = wants_colour(self.stream)
        known = [OWN_NAME, *names]
        self.width = max(len(name) for name in known)
        self.colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(known)}

    def write(self, name: str, line: str) -> None:
        """Writes one line of that source. A reader that went away is not an error."""
        with contextlib.suppress(BrokenPipeError):
            print(self.format(name, line), file=self.stream, flush=True)

    def say(self, line: str) -> None:
        """Writes a line of the supervisor's own."""
        self.write(OWN_NAME, line)

    def format(self, name: str, line: str) -> str:
        """A line as it is shown; in JSON style every line is an object with the service's name in it."""
        line = hide_credentials(line.rstrip("\r\n"))
        if self.style == "json":
            return as_json(name, line)
        front = f"{name:<{self.width}} |"
        if self.coloured:
            front = f"\x1b[{self.colours.get(name, 37)}m{front}\x1b[0m"
        return f"{front} {line}"


def as_json(name: str, line: str) -> str:
    """A JSON line with the service's name added; a line that isn't JSON becomes its event."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        entry = {"event": line}
    return json.dumps({"service": name, **entry}, ensure_ascii=False)


def wants_colour(stream: TextIO) -> bool:
    """Whether colours are wanted there: a terminal, and NO_COLOR (no-color.org) is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def table_of_addresses(rows: list[tuple[str, str]]) -> None:
    """Shows where everything is."""
    table = Table(title="Voicestack is running", title_justify="left", caption="Ctrl-C stops it")
    table.add_column("What")
    table.add_column("Where", overflow="fold")
    for row in rows:
        table.add_row(*row)
    with contextlib.suppress(BrokenPipeError):
        Console(no_color=not wants_colour(sys.stdout), highlight=False).print(table)
