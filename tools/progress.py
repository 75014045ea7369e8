"""How the tools tell what they are doing and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def step(who: str, title: str, work: Callable[[], Result]) -> Result:
    """Does one step between two lines that name it, the second with the seconds it took."""
    print(f"{who}: {title} …", flush=True)
    began = time.monotonic()
    result = work()
    print(f"{who}: {title}: {time.monotonic() - began:.1f} s", flush=True)
    return result
