"""`python -m tests.beside unit`: groups of tests side by side, each a pytest of its own; options go to all.

Most tests wait: for sound that is played, for a deadline, for a service to start. Others run meanwhile,
and may take so much of two processors that something is late; so may what else the machine does. Where a plan
says so, what failed is run once more, alone.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
NO_TESTS = 5
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?\.py)\b", re.MULTILINE)
"""How pytest's summary names a test that failed, by its file."""


@dataclass(frozen=True)
class Plan:
    """How the tests of a folder are run: in which groups, and which with nothing beside them.

    Names are files and folders in it, and may be patterns. What no group names is a group too. The longest
    come first, so that all end together.
    """

    groups: tuple[tuple[str, ...], ...]
    alone: tuple[str, ...] = ()
    at_once: int = 4
    """So many groups run at a time."""
    again: int = 0
    """So many files that failed are run once more, alone; where more failed, none."""
    in_order: tuple[str, ...] = ()
    """Folders in which a file goes on where the one before it ended: run once more as one, from the first."""


PLANS = {
    "unit": Plan(
        (
            ("speech/test_[a-m]*.py",),
            ("speech",),
            ("dubbing", "serving", "web"),
            ("commentary", "access", "infra"),
        ),
        at_once=5,
        again=3,
    ),
    "integration": Plan(
        (
            ("dubbing/test_faults.py", "dubbing/test_service.py", "dubbing/test_two_dubbers.py"),
            ("dubbing",),
            ("archive",),
            ("sales",),
            ("live", "test_demo.py"),
            ("commentary", "access", "edge", "mic"),
            ("house", "hostile"),
        ),
        # They measure how late sound and answers are.
        alone=(
            "test_measuring.py",
            "dubbing/test_sound.py",
            "dubbing/test_signals.py",
            "hostile/test_siege.py",
        ),
        # Most of them speak and listen: a fourth group would make the others late, and end no sooner.
        at_once=3,
        again=5,
    ),
    # A page waits for its service, and two browsers leave enough of two cores.
    "browser": Plan(
        (
            ("test_transcribing.py", "test_states.py", "test_calling.py", "test_playing.py"),
            ("test_real_services.py", "test_speaking.py", "test_over_https.py"),
            ("test_uploads.py", "test_every_language.py"),
            ("test_operating.py", "test_looks.py", "test_signing_in.py", "test_cells_as_one.py"),
        ),
        at_once=2,
        again=3,
    ),
    # Containers are waited for most of the time.
    "docker": Plan((("stack", "dev", "offline", "smoke"),), again=2),
    # The hosts are machines, the others only what AWS would be asked for.
    "rehearsal": Plan((("hosts",),), again=2, in_order=("hosts",)),
}


def dealt(folder: Path, plan: Plan) -> tuple[list[list[Path]], list[Path]]:
    """The files of each group, and those that are alone: each file once, with the first that names it."""
    left = sorted(folder.rglob("test_*.py"))

    def take(names: Sequence[str]) -> list[Path]:
        found = {path for name in names for path in folder.glob(name)}
        taken = [file for file in left if found & {file, *file.parents}]
        left[:] = [file for file in left if file not in taken]
        return taken

    alone = take(plan.alone)
    groups = [take(names) for names in plan.groups]
    return [*groups, left], alone


@dataclass(frozen=True)
class Ended:
    """How a pytest ended: its exit status, and the files of the tests that failed."""

    status: int
    failed: tuple[str, ...] = ()


class Running:
    """A pytest that runs; what it says is kept until it has ended."""

    def __init__(self, files: Sequence[Path], options: Sequence[str]) -> None:
        self.output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        command = [sys.executable, "-m", "pytest", *map(str, files), *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT
        )

    def end(self) -> Ended:
        """Waits for its end and writes what it has said."""
        status = self.process.wait()
        self.output.seek(0)
        said = self.output.read().decode(errors="replace")
        sys.stdout.write(said)
        sys.stdout.flush()
        return Ended(status, tuple(sorted(set(FAILED.findall(said)))))


def run(groups: Sequence[Sequence[Path]], options: Sequence[str], at_once: int) -> list[Ended]:
    """Runs the groups, so many at once, and tells of each what it said; gives how they ended."""
    waiting = [files for files in groups if files]
    running: list[Running] = []
    ended: list[Ended] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(Running(waiting.pop(0), options))
            time.sleep(0.1)
            for each in [each for each in running if each.process.poll() is not None]:
                running.remove(each)
                ended.append(each.end())
    except KeyboardInterrupt:
        # They were interrupted too: they end what they started, and say how far they came.
        ended += [each.end() for each in running]
    finally:
        for each in running:
            if each.process.poll() is None:
                each.process.terminate()
    return ended


def to_repeat(failed: Sequence[str], in_order: Sequence[Path]) -> list[list[Path]]:
    """What is run once more for files that failed: each by itself, a folder `in_order` whole, and once."""
    found: list[list[Path]] = []
    for file in failed:
        path = ROOT / file
        whole = next((folder for folder in in_order if folder.resolve() in path.resolve().parents), None)
        files = sorted(whole.rglob("test_*.py")) if whole else [path]
        if files not in found:
            found.append(files)
    return found


def run_again(
    ended: Sequence[Ended], most: int, options: Sequence[str], in_order: Sequence[Path] = ()
) -> list[Ended]:
    """How the groups ended, but with the files that failed, `most` of them at most, run once more, alone.

    What failed in one of the folders `in_order` counts as one file.
    """
    failed = sorted({file for each in ended for file in each.failed})
    repeated = to_repeat(failed, in_order)
    if not 0 < len(repeated) <= most:
        return list(ended)
    print(f"==> failed, run once more alone: {', '.join(failed)}", flush=True)
    again = run(repeated, options, 1)
    passed = not any(each.status for each in again)
    print(f"==> run once more alone: {'passed, but are not sure' if passed else 'FAILED'}", flush=True)
    # Exit status 1: tests failed, and nothing else went wrong.
    return [each for each in ended if not (each.failed and each.status == 1)] + again


def together(ended: Sequence[Ended]) -> int:
    """The exit status of all: where options choose tests, a group may have none of them, but not all."""
    statuses = [each.status for each in ended]
    failed = [status for status in statuses if status not in (0, NO_TESTS)]
    return failed[0] if failed else min(statuses)


def main(kind: str, *options: str) -> int:
    """Runs the tests of a folder beneath `tests` as its plan says; gives the exit status."""
    # Ended from outside, it ends its groups; the services that they started end with them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plan = PLANS[kind]
    folder = ROOT / "tests" / kind
    groups, alone = dealt(folder, plan)
    ended = run(groups, options, plan.at_once) + run([alone], options, 1)
    return together(run_again(ended, plan.again, options, [folder / name for name in plan.in_order]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
