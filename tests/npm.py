"""Modules from npm that tests compare ours with: a package.json and its lock, installed once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from app.cache import cache_dir


def installed(locked: Path, name: str) -> Path:
    """The folder with what the lock in `locked` names, each module checked against its pinned checksum."""
    folder = cache_dir("tools", name)
    if not (folder / "node_modules" / ".package-lock.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copyfile(locked / file, folder / file)
        subprocess.run(
            ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True
        )
    return folder
