"""Programs that run beside a test: started, waited for until they answer, ended with their context."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.stack import ROOT, wait_for

READY_WITHIN = 60.0
STOP_WITHIN = 30.0
LOG_TAIL = 2000


class Child:
    """A program while it runs, and what it says in `log`. `reached` says whether it answers.

    A context manager: starts it and waits until it answers. Raises RuntimeError, with the end of its
    log, where it ends before, and TimeoutError after 60 s.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        reached: Callable[[], bool],
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """`extra` is added to its environment; it runs in the checkout's folder."""
        self.name = name
        self.command = list(command)
        self.log = log
        self._reached = reached
        self._extra = dict(extra or {})

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=os.environ | self._extra,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                # Ctrl-C is for whoever uses it, who ends it when nothing needs it any more.
                start_new_session=True,
            )  # fmt: skip
        try:
            wait_for(self.name, self.answers, within=READY_WITHIN)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answers(self) -> bool:
        """Whether it answers. Raises RuntimeError, with the end of its log, when it has ended."""
        if self.process.poll() is not None:
            said = self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]
            raise RuntimeError(f"{self.name} ended with status {self.process.returncode}:\n{said}")
        return self._reached()

    def stop(self) -> None:
        """Ends it."""
        end(self.process)


def end(process: subprocess.Popen[bytes], within: float = STOP_WITHIN) -> None:
    """Ends a program: politely, and after that many seconds at once."""
    process.terminate()
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(address: str, verify: ssl.SSLContext | bool = True) -> bool:
    """Whether something answers there with success."""
    try:
        return httpx.get(address, verify=verify, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
