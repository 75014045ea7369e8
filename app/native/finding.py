"""What `doctor` found out about one thing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.terminal import show_table


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: Literal["ok", "warning", "missing"]
    detail: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def show(found: Sequence[Finding], *, as_json: bool) -> int:
    """Shows what was found out, as a table or as JSON for programs; 1 where something is missing, else 0."""
    if as_json:
        print(json.dumps([each.as_json() for each in found], indent=2))
    else:
        show_table(
            ("", "What", "Found", "How to get it"),
            [(each.state, each.subject, each.detail, each.remedy) for each in found],
        )
    return 1 if any(each.state == "missing" for each in found) else 0
