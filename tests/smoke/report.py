"""What the smoke tests found, as a table for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Row:
    """One check of one host. `passed` is None where it was not made."""

    host: str
    check: str
    passed: bool | None
    found: str


@dataclass
class Report:
    """All checks so far."""

    rows: list[Row] = field(default_factory=list)

    def add(self, host: str, check: str, passed: bool | None, found: str) -> None:
        """One more check."""
        self.rows.append(Row(host, check, passed, " ".join(found.split())))

    def text(self, width: int = 160) -> str:
        """The table, a line a check, hosts together."""
        table = Table("Host", "Check", "", "Found", title="Smoke tests", title_justify="left")
        before = ""
        for row in sorted(self.rows, key=lambda each: each.host):
            if before and row.host != before:
                table.add_section()
            verdict = {True: "ok", False: "FAILED", None: "-"}[row.passed]
            cells = (row.host if row.host != before else "", row.check, verdict, row.found)
            table.add_row(*map(Text, cells))
            before = row.host
        written = StringIO()
        Console(width=width, highlight=False, no_color=True, file=written).print(table)
        return written.getvalue()
