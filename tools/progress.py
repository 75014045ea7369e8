"""How the tools tell what they are doing and how long it took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

TELL_EVERY = 15.0

Result = TypeVar("Result")


def step(who: str, title: str, work: Callable[[], Result]) -> Result:
    """Does one step between lines that name it; the last, and some meanwhile, tell the seconds it took."""
    print(f"{who}: {title} …", flush=True)
    began, done = time.monotonic(), threading.Event()

    def go_on_telling() -> None:
        while not done.wait(TELL_EVERY):
            print(f"{who}: {title}: {time.monotonic() - began:.0f} s so far", flush=True)

    telling = threading.Thread(target=go_on_telling, daemon=True)
    telling.start()
    try:
        result = work()
    finally:
        done.set()
        telling.join()
    print(f"{who}: {title}: {time.monotonic() - began:.1f} s", flush=True)
    return result
