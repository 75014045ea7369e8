"""How far a transcript is; apart from the tables, so that a client of api needs no database."""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """How far a transcript is."""

    ARRIVING = "arriving"
    QUEUED = "queued"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
