"""What the steps of the rehearsal share: how long one waits, who publishes and watches, and what is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.settings import Settings, load
from tests.rehearsal.hosts.rehearsal import SECRETS, SETTINGS, Rehearsal

PICTURES = 100
APPEARS_WITHIN = 120.0
SETTLES_WITHIN = 120.0


@contextmanager
def told(what: str) -> Iterator[None]:
    """Says how long something took."""
    began = time.monotonic()
    yield
    print(f"\n{what}: {time.monotonic() - began:.1f} s", flush=True)


def client(rehearsal: Rehearsal) -> Settings:
    """The settings of who publishes and watches."""
    return load({**SETTINGS, **SECRETS, "MEDIA_HOST": rehearsal.address("streaming")})
