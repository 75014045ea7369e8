"""Builds programs from their Go modules, once for a user.

Each program has a folder under tools/go, whose go.mod pins it and whose go.sum holds the checksums of
everything that it is made of; Go refuses what differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.cache import cache_dir

FOLDER = Path(__file__).with_name("go")


class BuildFailed(RuntimeError):
    """A program can't be built; the message says why and what to do."""


@dataclass(frozen=True)
class Program:
    """A program: its package, the variable that holds its version, and the name of its file."""

    name: str
    version: str
    package: str
    file: str
    # Without it many programs say that they are a development version.
    version_variable: str = ""
    folder: str = ""

    def source(self) -> Path:
        """The folder of its go.mod."""
        return FOLDER / (self.folder or self.name)

    def path(self, processor: str = "") -> Path:
        """Where it is kept once built for that processor, in Go's word; it may not exist yet."""
        kept = f"{self.name}-{self.version}" + (f"-{processor}" if processor else "")
        return cache_dir("tools", kept, self.file)


def build(program: Program, processor: str = "") -> Path:
    """Builds a program into the cache, unless it is there, and gives its path. Raises BuildFailed."""
    kept = program.path(processor)
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    flags = "-s -w"
    if program.version_variable:
        flags += f" -X {program.version_variable}"
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="build-") as folder:
        made = Path(folder) / program.file
        # It fetches hundreds of modules: the network may hiccup once.
        go(
            ["build", "-trimpath", "-ldflags", flags, "-o", str(made), program.package],
            program.source(),
            attempts=2,
            variables={"GOARCH": processor} if processor else {},
        )
        os.replace(made, kept)
    return kept


def go(
    arguments: list[str], folder: Path, attempts: int = 1, variables: Mapping[str, str] | None = None
) -> str:
    """What a go command prints, tried that often. Raises BuildFailed with its last words."""
    if shutil.which("go") is None:
        raise BuildFailed(
            "Go is needed to build it. Debian: apt-get install -t bookworm-backports golang-go. "
            "macOS: brew install go."
        )
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **(variables or {})}
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and attempts > 1:
        return go(arguments, folder, attempts - 1, variables)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        words = "\n".join([line for line in lines if not line.startswith("go: downloading")][-15:])
        raise BuildFailed(f"go {' '.join(arguments[:2])} failed (exit code {done.returncode}):\n{words}")
    return done.stdout
