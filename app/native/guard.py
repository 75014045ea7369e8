"""Starts a command that must not outlive the supervisor: `python -m app.native.guard PID command …`.

On Linux the kernel ends it when the supervisor dies, however that happens. Elsewhere a small watcher
process looks once a second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
LOOK_EVERY = 1.0
PRIVATE = 0o077
"""The umask of everything that we start: recordings and data are nobody else's on this machine."""


def command(supervisor: int, wrapped: list[str]) -> list[str]:
    """The command line that runs `wrapped` under the guard."""
    return [sys.executable, "-m", "app.native.guard", str(supervisor), *wrapped]


def die_with_parent(supervisor: int) -> None:
    """Asks the kernel for SIGTERM when the supervisor dies (Linux); exits if it is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != supervisor:
        sys.exit("the supervisor is gone")


def watch(supervisor: int) -> None:
    """Leaves a child behind that ends this process with SIGTERM when the supervisor is gone."""
    guarded = os.getpid()
    if os.fork() != 0:
        return
    # Its own session, so that a stop of the service's process group leaves it to notice by itself.
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while os.getppid() == guarded:
        if not is_alive(supervisor):
            os.kill(guarded, signal.SIGTERM)
            break
        time.sleep(LOOK_EVERY)
    os._exit(0)


def is_alive(pid: int) -> bool:
    """Whether a process of that id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(arguments: list[str]) -> None:
    """Guards this process, then becomes the command."""
    supervisor, wrapped = int(arguments[0]), arguments[1:]
    os.umask(PRIVATE)
    if sys.platform == "linux":
        die_with_parent(supervisor)
    else:
        watch(supervisor)
    os.execvp(wrapped[0], wrapped)


if __name__ == "__main__":
    main(sys.argv[1:])
