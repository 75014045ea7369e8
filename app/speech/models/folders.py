"""A model's folder under DATA_DIR/models: its name, and whether all of the model is in it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

MANIFEST = ".voicestack.json"
"""Written last into a model's folder: the files it is made of, with their lengths."""

SOURCE = ".voicestack-source"
"""Beside it: where the files came from, as one line."""


def folder_name(name: str) -> str:
    """The folder of a model: its name without its owner."""
    return name.rsplit("/", 1)[-1]


def complete(folder: Path) -> bool:
    """Whether a model's folder holds all its files; one that was put there by hand counts as whole."""
    if not folder.is_dir():
        return False
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return any(folder.iterdir())
    try:
        sizes = json.loads(manifest.read_text(encoding="utf-8"))
        return all((folder / path).stat().st_size == size for path, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def swap(coming: Path, folder: Path) -> None:
    """Puts the new folder in the place of the old one."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(coming, folder)
    shutil.rmtree(old, ignore_errors=True)
