"""A guarded process does not outlive its supervisor."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

# A stand-in for the supervisor: starts a guarded `sleep`, prints its process id, waits to be killed.
SUPERVISOR = """
import subprocess, sys, os, time
from app.native import guard
if {elsewhere}:
    sys.platform = "elsewhere"
    code = "import sys; sys.platform = 'elsewhere'; from app.native.guard import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, str(os.getpid()), "sleep", "60"]
else:
    command = guard.command(os.getpid(), ["sleep", "60"])
print(subprocess.Popen(command, start_new_session=True).pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("elsewhere", [False, True], ids=["kernel", "watcher"])
def test_a_guarded_process_ends_when_its_supervisor_is_killed(elsewhere: bool) -> None:
    code = SUPERVISOR.format(elsewhere=elsewhere)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        guarded = psutil.Process(int(supervisor.stdout.readline()))
        deadline_for_exec(guarded)
        supervisor.kill()
        # Until it is reaped its process id still exists.
        supervisor.wait()
        guarded.wait(timeout=10)


def deadline_for_exec(process: psutil.Process) -> None:
    """Waits until the guard has become the command, which is when it is guarded."""
    for _ in range(200):
        if process.name() == "sleep":
            return
        try:
            process.wait(timeout=0.05)
        except psutil.TimeoutExpired:
            continue
    raise AssertionError("the guard did not become the command")


def test_what_the_command_writes_is_nobody_elses() -> None:
    from app.native import guard

    words = guard.command(psutil.Process().pid, ["sh", "-c", "umask"])
    done = subprocess.run(words, capture_output=True, text=True, check=True, umask=0)
    assert int(done.stdout, 8) == 0o077


def test_the_command_runs_with_its_arguments_and_exit_code() -> None:
    from app.native import guard

    supervisor = psutil.Process().pid
    done = subprocess.run(
        guard.command(supervisor, ["sh", "-c", "echo $0 $1; exit 7", "a b", "c"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, "a b c\n")
