"""Whether containers are healthy, asked of the engine itself.

The provider's own `wait` passes on a second `up` over an unhealthy container.
"""

from __future__ import annotations

import subprocess
import time

from app.service import hide_credentials

EVERY = 0.5
LOG_LINES = 20


class Unhealthy(RuntimeError):
    """A container did not get healthy; the message has its last log lines."""


def wait_healthy(name: str, within: float) -> str:
    """Waits until a container is healthy, at most `within` seconds. Raises Unhealthy."""
    deadline = time.monotonic() + within
    while (state := health(name)) != "healthy":
        if time.monotonic() > deadline or state in ("unhealthy", "exited", "dead", "missing"):
            raise Unhealthy(f"{name} is {state}; its last log lines:\n{last_lines(name)}")
        time.sleep(EVERY)
    return state


def health(name: str) -> str:
    """What the engine says of a container: healthy, starting, unhealthy, else its state, or missing."""
    answer = subprocess.run(
        ["docker", "inspect", "--type=container", "--format",
         "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}", name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        return "missing"
    status, _, checked = answer.stdout.strip().partition(" ")
    return checked if status == "running" and checked else status


def last_lines(name: str) -> str:
    """The end of a container's log, without passwords in addresses."""
    answer = subprocess.run(
        ["docker", "logs", f"--tail={LOG_LINES}", name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    return hide_credentials(answer.stdout.strip()) or "(it wrote nothing)"
