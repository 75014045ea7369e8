"""Whether containers are healthy, asked of the engine itself.

The provider's own `wait` passes on a second `up` over an unhealthy container.
"""

from __future__ import annotations

import subprocess
import time

import pulumi

from app.service import hide_credentials

HEALTHY, DONE = "healthy", "exited 0"
HOPELESS = ("unhealthy", "exited", "dead", "missing")
EVERY = 0.5
LOG_LINES = 20
TELL_EVERY = 15.0
STATE = "{{.State.Status}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{end}}"


class Unhealthy(RuntimeError):
    """A container did not get healthy, or did not end well; the message has its last log lines."""


def wait(name: str, wanted: str, within: float) -> str:
    """Waits until a container is HEALTHY, or DONE, at most `within` seconds. Raises Unhealthy."""
    began = told = time.monotonic()
    while (found := state(name)) != wanted:
        now = time.monotonic()
        if now - began > within or found.partition(" ")[0] in HOPELESS:
            raise Unhealthy(f"{name} is {found}; its last log lines:\n{last_lines(name)}")
        if now - told > TELL_EVERY:
            told = now
            pulumi.log.info(f"{name} is {found}, for {now - began:.0f} s now")
        time.sleep(EVERY)
    return found


def state(name: str) -> str:
    """A container's health where it runs and has one, "exited 0" where it ended, its state, or missing."""
    answer = subprocess.run(
        ["docker", "inspect", "--type=container", "--format", STATE, name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        return "missing"
    status, code, *health = answer.stdout.split()
    if status == "exited":
        return f"{status} {code}"
    return health[0] if status == "running" and health else status


def last_lines(name: str) -> str:
    """The end of a container's log, without passwords in addresses."""
    answer = subprocess.run(
        ["docker", "logs", f"--tail={LOG_LINES}", name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    return hide_credentials(answer.stdout.strip()) or "(it wrote nothing)"
