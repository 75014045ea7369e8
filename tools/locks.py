"""Writes the hashed requirement locks from pyproject.toml: `.venv/bin/python -m tools.locks`.

The locks hold for Linux and macOS, x86_64 and arm64, and name no package index.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.setup import ROOT, VENV

UV_VERSION = "0.13.8"
FOLDER = ROOT / "requirements"
OPTIONS = (
    "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes",
    "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate",
)  # fmt: skip
BOUNDS = ("-c", str(FOLDER / "bounds.in"))
RUNTIME = (*BOUNDS, "--extra", "stream", "--extra", "speech")


def compile_lock(source: Path, target: Path, *options: str) -> None:
    """Writes one lock. Raises CalledProcessError where no versions fit together."""
    command = [str(VENV / "bin" / "uv"), "pip", "compile", *OPTIONS, *options, str(source), "-o", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)
    if "://" in target.read_text(encoding="utf-8"):
        sys.exit(f"{target} names an address")


def main() -> None:
    """Writes runtime.txt, dev.txt (the same versions and more) and uv.txt."""
    project, runtime = ROOT / "pyproject.toml", FOLDER / "runtime.txt"
    compile_lock(project, runtime, *RUNTIME, *sys.argv[1:])
    compile_lock(
        project,
        FOLDER / "dev.txt",
        *RUNTIME,
        "--extra",
        "infra",
        "--extra",
        "dev",
        "-c",
        str(runtime),
        *sys.argv[1:],
    )
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.in"
        wanted.write_text(f"uv=={UV_VERSION}\n", encoding="utf-8")
        compile_lock(wanted, FOLDER / "uv.txt")


if __name__ == "__main__":
    main()
