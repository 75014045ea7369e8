"""Whether containers are healthy, asked of the engine itself.

The provider's own `wait` passes on a second `up` over an unhealthy container.
"""

from __future__ import annotations

import subprocess
import time

import pulumi

from app.service import hide_credentials

EVERY = 0.5
LOG_LINES = 20
TELL_EVERY = 15.0


class Unhealthy(RuntimeError):
    """A container did not get healthy, or did not end well; the message has its last log lines."""


def wait_healthy(name: str, within: float) -> str:
    """Waits until a container is healthy, at most `within` seconds. Raises Unhealthy."""
    deadline = time.monotonic() + within
    while (state := health(name)) != "healthy":
        if time.monotonic() > deadline or state in ("unhealthy", "exited", "dead", "missing"):
            raise Unhealthy(f"{name} is {state}; its last log lines:\n{last_lines(name)}")
        time.sleep(EVERY)
    return state


def wait_done(name: str, within: float) -> str:
    """Waits until a container has ended well, at most `within` seconds. Raises Unhealthy where it has not."""
    began = told = time.monotonic()
    while (state := ending(name)) != "exited 0":
        now = time.monotonic()
        if now - began > within or state.partition(" ")[0] in ("exited", "dead", "missing"):
            raise Unhealthy(f"{name} is {state}; its last log lines:\n{last_lines(name)}")
        if now - told > TELL_EVERY:
            told = now
            pulumi.log.info(f"{name} has been at work for {now - began:.0f} s")
        time.sleep(EVERY)
    return "done"


def ending(name: str) -> str:
    """A container's state with its exit code, such as "exited 0", or missing."""
    answer = subprocess.run(
        ["docker", "inspect", "--type=container", "--format", "{{.State.Status}} {{.State.ExitCode}}", name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return answer.stdout.strip() if answer.returncode == 0 else "missing"


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
