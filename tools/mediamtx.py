"""Builds MediaMTX from its Go module, once for a user: `python3 -m tools.mediamtx`.

The module is checked against a pinned checksum. Two files that its own build generates are not in it:
the version, and hls.js, which comes from the browser libraries.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from app.render.media import VERSION, MediaServerMissing, cached_binary, find_binary
from tools.browser_libraries import fetch_all, path_of
from tools.go_modules import BuildFailed, go

MODULE = "github.com/bluenviron/mediamtx"
# The checksum of the module's files, as in go.sum and Go's checksum database.
CHECKSUM = "h1:Sdqz8bSxnEC4TPuXw+cNAZBbqhae3utqCLWpnfMhyus="


def ensure() -> Path:
    """A MediaMTX that fits: the one that is there, else one built now. Raises BuildFailed."""
    try:
        return find_binary()
    except MediaServerMissing:
        return build()


def build(processor: str = "") -> Path:
    """Builds MediaMTX into the cache and returns its path; takes about half a minute. Raises BuildFailed.

    `processor` is another one than this machine's, in Go's word (arm64).
    """
    if shutil.which("go") is None:
        raise BuildFailed(
            "Go 1.21 or later is needed to build MediaMTX; it fetches the one it needs. Debian 12: apt-get "
            "install -t bookworm-backports golang-go. macOS: brew install go. "
            f"Or put mediamtx {VERSION} on PATH."
        )
    binary = cached_binary()
    if processor:
        binary = binary.with_name(f"mediamtx-{processor}")
        if binary.is_file():
            return binary
    fetch_all()
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix="build-") as folder:
        source = Path(folder) / "source"
        shutil.copytree(module_folder(), source, copy_function=shutil.copyfile)
        (source / "internal/core/VERSION").write_text(f"v{VERSION}", encoding="utf-8")
        shutil.copyfile(path_of("hls.js", "hls.min.js"), source / "internal/servers/hls/hls.min.js")
        # On arm64 it embeds the Raspberry Pi's camera program, which is no part of the module: an empty
        # file lets it compile, and that one source of streams stays without its program.
        camera = source / "internal/staticsources/rpicamera/mtxrpicam_64"
        camera.mkdir(exist_ok=True)
        (camera / "NOT_INCLUDED").touch()
        built = Path(folder) / "mediamtx"
        # It fetches a hundred modules: the network may hiccup once.
        go(["build", "-trimpath", "-ldflags", "-s -w", "-o", str(built), "."], source, attempts=2,
           variables={"GOARCH": processor} if processor else {})  # fmt: skip
        os.replace(built, binary)
    return binary


def module_folder() -> Path:
    """Folder of the module's files in Go's own cache, fetched if need be and checked. Raises BuildFailed."""
    with tempfile.TemporaryDirectory() as folder:
        answer = json.loads(go(["mod", "download", "-json", f"{MODULE}@v{VERSION}"], Path(folder)))
    if answer.get("Sum") != CHECKSUM:
        raise BuildFailed(f"{MODULE} v{VERSION} is not what was pinned: {answer.get('Sum')}, not {CHECKSUM}")
    return Path(answer["Dir"])


if __name__ == "__main__":
    try:
        print(ensure())
    except RuntimeError as problem:
        sys.exit(f"{problem}")
