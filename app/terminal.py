"""How every command talks to the terminal: a table, or an end with a message."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import typer

BAD_START = 2
INTERRUPTED = 130


def stop(message: str, status: int = BAD_START) -> NoReturn:
    """Ends the program with a message on standard error."""
    print(message, file=sys.stderr)
    raise typer.Exit(status)


def as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Handles a signal so that it cleans up as Ctrl-C does."""
    raise KeyboardInterrupt


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Shows a table; where there is no terminal, as wide as it needs to be."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=240)
    console.print(table)
