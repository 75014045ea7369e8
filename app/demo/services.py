"""The services for the demo: those that run already, or a set of our own for as long as it lasts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from app.native import guard
from app.settings import Settings

START_WITHIN = 120.0
STOP_WITHIN = 20.0
POLL = 0.25
LOG_TAIL = 15


@dataclass(frozen=True)
class Part:
    """What a demo needs: the settings' property with the address of its last service, how that is started
    (`python -m app …`), the health that will do, and whose health counts, too."""

    address: str
    command: tuple[str, ...]
    healths: tuple[str, ...] = ("ok",)
    beside: tuple[str, ...] = ()


DUBBING = Part("dubber_address", ("run", "--no-setup"))


class ServicesError(RuntimeError):
    """The services don't come up. The message says what they said."""


class Services:
    """A context manager: the services are there inside it, and as before after it.

    Where the part's service answers, what runs is used and left alone; else it is started, its log
    written to `log`, with `environment` added. Raises ServicesError where that does not get healthy.
    """

    def __init__(
        self, settings: Settings, log: Path, environment: Mapping[str, str], part: Part = DUBBING
    ) -> None:
        self._addresses = [getattr(settings, each) for each in (part.address, *part.beside)]
        self._log = log
        self._environment = environment
        self._part = part
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(trust_env=False, timeout=2.0)

    @property
    def are_ours(self) -> bool:
        """Whether they were started here."""
        return self._process is not None

    def health(self) -> bool | None:
        """True where the service and all it needs are fine, False where not, None where it doesn't answer.

        What is beside services that run already may be out of our reach, as in production.
        """
        own, *others = (self._health(address) for address in self._addresses)
        if own is None:
            return None
        return own and all(each or (each is None and not self.are_ours) for each in others)

    def __enter__(self) -> Self:
        if self.health() is None:
            self._start()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops what was started here, as Ctrl-C would."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _health(self, address: str) -> bool | None:
        try:
            answer = self._client.get(f"{address}/health")
            return answer.status_code == 200 and answer.json().get("status") in self._part.healths
        except (httpx.HTTPError, ValueError):
            return None

    def _start(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as sink:
            self._process = subprocess.Popen(
                guard.command(os.getpid(), [sys.executable, "-m", "app", *self._part.command]),
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while not self.health():
            if self._process is not None and self._process.poll() is not None:
                raise ServicesError(f"the services did not start:\n{self._tail()}")
            if time.monotonic() > deadline:
                said = f":\n{self._tail()}" if self._process else "; `python -m app status` says which"
                raise ServicesError(f"the services did not get healthy within {START_WITHIN:g} s{said}")
            time.sleep(POLL)

    def _tail(self) -> str:
        with self._log.open(encoding="utf-8", errors="replace") as lines:
            return "".join(deque(lines, LOG_TAIL)).rstrip()
