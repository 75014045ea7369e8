"""Where tools and libraries that were fetched or built are kept, shared by every checkout of this user.

Standard library only: `make setup` reads it before anything is installed.
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir(*parts: str) -> Path:
    """A path under ${XDG_CACHE_HOME:-~/.cache}/voicestack; it may not exist yet."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path there is to be ignored.
    base = Path(root) if os.path.isabs(root) else Path.home() / ".cache"
    return base.joinpath("voicestack", *parts)


def browser_library(name: str, version: str, file: str) -> Path:
    """Where `make setup` puts a file of a browser library, for example hls.js-1.6.7/hls.min.js."""
    return cache_dir("browser", f"{name.lstrip('@').replace('/', '-')}-{version}", file)
