"""Watches that the services stay well while something attacks them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from tests.stack import wait_for

EVERY = 0.1
PATIENCE = 10.0
PROMISED = 1.0  # seconds within which /health answers (product's promise for every service)


@dataclass
class Vigil:
    """Asks every service's /health again and again, each in a thread of its own, until the block ends.

    `ports` leads from a service to its HTTP port. Times in seconds.
    """

    ports: Mapping[str, int]
    answered: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        for service, port in self.ports.items():
            self.answered[service], self.failed[service] = [], []
            self._threads.append(threading.Thread(target=self._watch, args=(service, port), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)

    def _watch(self, service: str, port: int) -> None:
        while not self._over.wait(EVERY):
            began = time.monotonic()
            try:
                # A connection of its own each time: what an attack leaves open is nobody else's.
                answer = httpx.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE, trust_env=False)
                if answer.status_code == 200:
                    self.answered[service].append(time.monotonic() - began)
                else:
                    self.failed[service].append(f"{answer.status_code} {answer.text[:200]}")
            except httpx.HTTPError as error:
                self.failed[service].append(repr(error))

    def sees(self, answers: int) -> None:
        """Waits until every service has been asked that often since now."""
        before = {service: self._asked(service) for service in self.ports}
        for service in self.ports:
            wait_for(
                f"{answers} answers of {service}",
                lambda service=service: self._asked(service) >= before[service] + answers,  # type: ignore[misc]
                120,
            )

    def _asked(self, service: str) -> int:
        return len(self.answered[service]) + len(self.failed[service])

    def complaints(self) -> dict[str, str]:
        """What was not as promised: services that did not answer, or mostly later than they promise."""
        found = {}
        for service, times in self.answered.items():
            if self.failed[service]:
                found[service] = f"{len(self.failed[service])} failed, first {self.failed[service][0]}"
            elif not times or median(times) > PROMISED:
                found[service] = f"answered after {median(times):.2f} s" if times else "never answered"
        return found

    def report(self) -> str:
        """One line for people: the slowest answer of each service."""
        worst = {service: max(times, default=0.0) for service, times in self.answered.items()}
        return ", ".join(f"{service} {seconds:.2f}" for service, seconds in worst.items()) + " s at worst"


def median(values: list[float]) -> float:
    """The middle one. Raises IndexError for none."""
    return sorted(values)[len(values) // 2]
