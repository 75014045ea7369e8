"""Looking into containers: their logs together, and a shell in one of them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence

from app.native.containers import Running
from app.native.output import Lines

TAIL = 100
STOP_WITHIN = 2.0


class NoContainer(ValueError):
    """There is no such container; the message says which there are, or how to get them."""


def choose(found: Sequence[Running], stack: str, names: Sequence[str]) -> list[Running]:
    """The containers of a stack, or those of them with these services. Raises NoContainer."""
    stacks = sorted({each.stack for each in found})
    mine = {each.service: each for each in found if each.stack == stack}
    if not mine:
        others = f" There are containers of: {', '.join(stacks)} (STACK=…)." if stacks else ""
        raise NoContainer(f"The stack {stack} has no containers: start it with `make up`.{others}")
    if missing := [name for name in names if name not in mine]:
        raise NoContainer(
            f"The stack {stack} has no container of {', '.join(missing)}; it has: {', '.join(mine)}"
        )
    return [mine[name] for name in names] if names else list(mine.values())


def follow(containers: Sequence[Running]) -> None:
    """Shows what containers wrote last and go on to write, each line with its service in front.

    Ends when all of them have ended, or with KeyboardInterrupt.
    """
    lines = Lines([each.service for each in containers])
    followers = [_Follower(each, lines) for each in containers]
    try:
        for follower in followers:
            follower.thread.join()
    finally:
        for follower in followers:
            follower.stop()
        lines.close()


class _Follower:
    """One container's log, read in a thread of its own."""

    def __init__(self, container: Running, lines: Lines) -> None:
        self._process = subprocess.Popen(
            ["docker", "logs", "--follow", f"--tail={TAIL}", container.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )  # fmt: skip
        self.thread = threading.Thread(target=self._read, args=(container.service, lines), daemon=True)
        self.thread.start()

    def _read(self, service: str, lines: Lines) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.write(service, line)

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(STOP_WITHIN)
        self.thread.join(STOP_WITHIN)


def shell(container: Running) -> int:
    """Opens a shell in a container, or runs there what standard input says; its exit status."""
    terminal = ["--tty"] if sys.stdin.isatty() else []
    return subprocess.run(
        ["docker", "exec", "--interactive", *terminal, container.name, "sh"], check=False
    ).returncode
