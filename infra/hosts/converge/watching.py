"""Waits until services are healthy, and says why one never will be."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import decide, engine
from .decide import Standing
from .host import Host, ReleaseError

POLL = 1.0


class Watch:
    """Looks at services again and again. `before` are the restarts of containers until now."""

    def __init__(self, host: Host, expected: Iterable[str], before: Mapping[str, int], within: float) -> None:
        self.ill: dict[str, float] = {}
        self._host = host
        self._expected = tuple(expected)
        self._before = before
        self._within = within
        self._began = time.monotonic()
        self._told: tuple[str, ...] | None = None

    def look(self, found: list[Standing], *, settled: bool) -> tuple[str, ...]:
        """Those still awaited. Raises ReleaseError as soon as one never will be healthy, or time is over."""
        now = time.monotonic()
        self.ill = {
            each.service: self.ill.get(each.service, now) for each in found if each.health == "unhealthy"
        }
        unhealthy_for = {name: now - since for name, since in self.ill.items()}
        seen = decide.verdict(self._expected, found, self._before, unhealthy_for, settled=settled)
        if seen.failed:
            raise ReleaseError(explain(self._host, seen.failed, found))
        if now - self._began > self._within and (seen.awaited or not settled):
            names = {each.partition(" ")[0]: "is not healthy in time" for each in seen.awaited}
            raise ReleaseError(
                explain(self._host, names, found) if names else "Compose did not come to an end"
            )
        return seen.awaited

    def tell(self, awaited: tuple[str, ...]) -> None:
        """Says whom it waits for, where that is news, and waits a moment."""
        if awaited != self._told:
            self._told = awaited
            self._host.say(f"waiting for {', '.join(awaited) or 'Compose'}")
        time.sleep(POLL)


def watch(
    host: Host,
    bundle: Mapping[str, Any],
    started: subprocess.Popen[bytes],
    before: Mapping[str, int],
    output: Path,
) -> None:
    """Waits until every service is healthy. Raises ReleaseError as soon as one never will be."""
    compose = bundle["compose"]
    watching = Watch(host, compose["services"], before, bundle["within"])
    while True:
        code = started.poll()
        found = engine.standings(compose["name"])
        awaited = watching.look(found, settled=code is not None)
        if code == 0 and not awaited:
            return
        if code not in (None, 0):
            raise ReleaseError(refused(host, watching.ill, found, output))
        watching.tell(awaited)


def explain(host: Host, reasons: Mapping[str, str], found: list[decide.Standing]) -> str:
    """Each service that failed, why, and the last lines of its log."""
    containers = {each.service: each.container for each in found}
    lines = []
    for service, reason in reasons.items():
        lines.append(f"{service} {reason}; the last lines of its log:")
        said = engine.last_lines(containers[service]) if service in containers else []
        lines += [f"  | {line}" for line in said or ["(nothing)"]]
    return host.hidden("\n".join(lines))


def refused(host: Host, ill: Mapping[str, float], found: list[decide.Standing], output: Path) -> str:
    """Why Compose gave up: the services that are ill, or else its own last words."""
    if ill:
        return explain(host, dict.fromkeys(ill, "is unhealthy"), found)
    words = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    return host.hidden("\n".join(["Compose refused:", *(f"  | {line}" for line in words)]))
