"""What the supervisor shows: one stream of lines with the service's name in front, and a table."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.table import Table

from app.service import hide_credentials

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
OWN_NAME = "voicestack"
MOST_WAITING = 10_000


class Lines:
    """Writes lines of several sources to one stream, each with its source in front."""

    def __init__(self, names: Iterable[str], style: str = "plain", stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.style = style
        self.coloured = wants_colour(self.stream)
        known = [OWN_NAME, *names]
        self.width = max(len(name) for name in known)
        self.colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(known)}
        self.dropped = 0
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._writer = threading.Thread(target=self._write_all, daemon=True)
        self._writer.start()

    def write(self, name: str, line: str) -> None:
        """Shows one line of that source, at once or soon; where nobody reads, lines are dropped."""
        self._put(self.format(name, line))

    def close(self) -> None:
        """Shows what is waiting, for at most two seconds."""
        self._put(None)
        self._writer.join(2.0)

    def _put(self, text: str | None) -> None:
        # A terminal that is paused must not hold up the services, whose pipes would run full.
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self.dropped += 1

    def _write_all(self) -> None:
        while (text := self._waiting.get()) is not None:
            if self.dropped:
                dropped, self.dropped = self.dropped, 0
                text = f"{self.format(OWN_NAME, f'{dropped} lines were not shown')}\n{text}"
            # A reader that went away is no reason to stop.
            with contextlib.suppress(OSError, ValueError):
                print(text, file=self.stream, flush=True)

    def show(self, text: str) -> None:
        """Shows text that is no line of a log, such as a table."""
        self._put(text)

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


def table_of_addresses(rows: list[tuple[str, str]], coloured: bool) -> str:
    """Where everything is, as a table."""
    table = Table(title="Voicestack is running", title_justify="left", caption="Ctrl-C stops it")
    table.add_column("What")
    table.add_column("Where", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(force_terminal=coloured, width=100, highlight=False)
    with console.capture() as shown:
        console.print(table)
    return shown.get().rstrip()
