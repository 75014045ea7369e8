"""Starts a service of this machine that no service manager starts, and waits until it answers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from app.cache import cache_dir

PATIENCE = 60.0
LAST_LINES = 12


class NotStarted(RuntimeError):
    """A service does not answer; the message holds its last words and where its log is."""


def log_of(name: str) -> Path:
    """Where the service's log is; it may not exist yet."""
    return cache_dir("services", f"{name}.log")


def start(name: str, command: list[str], answers: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Starts a service that outlives this program; its process id lies beside its log.

    Raises NotStarted when it ends, or does not answer within `patience` seconds.
    """
    log = log_of(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as words:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True, cwd="/"
            )
        except OSError as problem:
            raise NotStarted(f"{name} can't be started: {problem}") from None
    log.with_suffix(".pid").write_text(f"{process.pid}\n", encoding="utf-8")
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answers():
            return
        if process.poll() is not None:
            raise NotStarted(f"{name} ended with exit code {process.returncode}:\n{last_words(log)}")
        time.sleep(0.2)
    os.kill(process.pid, 15)
    raise NotStarted(f"{name} did not answer within {patience:.0f} s:\n{last_words(log)}")


def last_words(log: Path) -> str:
    """The end of a log, and where the rest of it is."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([*lines, f"(all of it: {log})"])
