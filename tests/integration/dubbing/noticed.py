"""What a viewer of a dub notices, and how a dub stands, for tests of what goes wrong and of what moves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.demo.lines import Event
from tests.stack import Stack, wait_for

LONGEST_GAP = 0.1


@dataclass
class Reader:
    """What a viewer of a dubbed stream noticed."""

    gaps: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    frames: int = 0
    ended: bool = False

    def notice(self, event: Event) -> None:
        """An event of the reading process."""
        match event["type"]:
            case "gap":
                self.gaps.append(event["seconds"])
            case "stall":
                self.stalls.append(event["seconds"])
            case "level":
                self.levels.append(event["level"])
            case "frame":
                self.frames += 1
            case "ended" | "problem":
                self.ended = True

    def forget(self) -> None:
        """From here on."""
        self.gaps.clear()
        self.stalls.clear()
        self.levels.clear()


def played(stack: Stack, name: str) -> int:
    dub = stack.dub(name)
    return dub["counts"]["in_time"] + dub["counts"]["late"] if dub else 0


def status_is(stack: Stack, name: str, *statuses: str) -> Callable[[], dict[str, Any] | None]:
    def found() -> dict[str, Any] | None:
        dub = stack.dub(name)
        return dub if dub and dub["status"] in statuses else None

    return found


def dubbing(stack: Stack, name: str, more: int = 1, within: float = 25.0) -> None:
    """Waits until so many more phrases have been dubbed."""
    before = played(stack, name)
    wait_for(f"{more} more phrases dubbed", lambda: played(stack, name) >= before + more, within)


def watched(stack: Stack, name: str) -> Reader:
    """A viewer of the Spanish dub, once pictures arrive."""
    reader = Reader()
    stack.read(f"dub/{name}/es", reader.notice)
    wait_for("pictures arrive", lambda: reader.frames > 25, 30)
    return reader


@contextmanager
def another_sts(stack: Stack, port: int, address: str = "127.0.0.1") -> Iterator[subprocess.Popen[bytes]]:
    with (stack.folder / "sts-2.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "sts"],
            cwd=stack.folder,
            env=stack.environment | {"STS_PORT": str(port), "BIND_ADDRESS": address},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int, address: str = "127.0.0.1") -> bool:
    try:
        return httpx.get(f"http://{address}:{port}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
