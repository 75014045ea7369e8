"""Builds MediaMTX from its Go module, once for a user: `python3 -m tools.mediamtx`.

The module is checked against a pinned checksum. Two files that its own build generates are not in it:
the version, and hls.js, which comes from the browser libraries.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from app.media import VERSION, MediaServerMissing, cached_binary, find_binary
from tools.browser_libraries import fetch_all, path_of

MODULE = "github.com/bluenviron/mediamtx"
# The checksum of the module's files, as in go.sum and Go's checksum database.
CHECKSUM = "h1:Sdqz8bSxnEC4TPuXw+cNAZBbqhae3utqCLWpnfMhyus="


class BuildFailed(RuntimeError):
    """MediaMTX can't be built; the message says why and what to do."""


def ensure() -> Path:
    """A MediaMTX that fits: the one that is there, else one built now. Raises BuildFailed."""
    try:
        return find_binary()
    except MediaServerMissing:
        return build()


def build() -> Path:
    """Builds MediaMTX into the cache and returns its path; takes about half a minute. Raises BuildFailed."""
    if shutil.which("go") is None:
        raise BuildFailed(
            "Go is needed to build MediaMTX. Debian: apt-get install golang-go (1.21 or later; it fetches "
            f"the version it needs). macOS: brew install go. Or put mediamtx {VERSION} on PATH."
        )
    fetch_all()
    binary = cached_binary()
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix="build-") as folder:
        source = Path(folder) / "source"
        shutil.copytree(module_folder(), source, copy_function=shutil.copyfile)
        (source / "internal/core/VERSION").write_text(f"v{VERSION}", encoding="utf-8")
        shutil.copyfile(path_of("hls.js", "hls.min.js"), source / "internal/servers/hls/hls.min.js")
        built = Path(folder) / "mediamtx"
        # It fetches a hundred modules: the network may hiccup once.
        go(["build", "-trimpath", "-ldflags", "-s -w", "-o", str(built), "."], source, attempts=2)
        os.replace(built, binary)
    return binary


def module_folder() -> Path:
    """Folder of the module's files in Go's own cache, fetched if need be and checked. Raises BuildFailed."""
    with tempfile.TemporaryDirectory() as folder:
        answer = json.loads(go(["mod", "download", "-json", f"{MODULE}@v{VERSION}"], Path(folder)))
    if answer.get("Sum") != CHECKSUM:
        raise BuildFailed(f"{MODULE} v{VERSION} is not what was pinned: {answer.get('Sum')}, not {CHECKSUM}")
    return Path(answer["Dir"])


def go(arguments: list[str], folder: Path, attempts: int = 1) -> str:
    """What a go command prints, tried that often. Raises BuildFailed with its last words."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and attempts > 1:
        return go(arguments, folder, attempts - 1)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        words = "\n".join([line for line in lines if not line.startswith("go: downloading")][-15:])
        raise BuildFailed(f"go {' '.join(arguments[:2])} failed (exit code {done.returncode}):\n{words}")
    return done.stdout


if __name__ == "__main__":
    try:
        print(ensure())
    except RuntimeError as problem:
        sys.exit(f"{problem}")
