"""Files that only the service's own user can read: what streams say, and where they come from."""

from __future__ import annotations

import os


def private(path: str, flags: int) -> int:
    """Opens such a file; to be given to `open` as its opener."""
    return os.open(path, flags, 0o600)
