"""Brings a model into its folder: downloaded beside it, checked, then moved into place in one step."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from app.speech.preload.hub import FetchFailed, Hub
from app.speech.preload.names import Model

MANIFEST = ".voicestack.json"
"""Written last into a model's folder: the files it is made of, with their lengths."""
UNWANTED = (".gitattributes", "README.md")

Report = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole model."""


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


def bring(hub: Hub, model: Model, models_dir: Path, report: Report, force: bool = False) -> bool:
    """Fetches the model where it is missing or broken, or where `force`; says whether it did.

    The old one stays until the new one is whole. Raises FetchFailed.
    """
    folder = models_dir / model.name
    if complete(folder) and not force:
        return False
    files = [file for file in hub.files(model.repository) if file.path not in UNWANTED]
    total = sum(file.size for file in files)
    coming = models_dir / f".{model.name}.part"
    try:
        coming.mkdir(parents=True, exist_ok=True)
        room(coming, total)
        done = 0
        for file in files:
            before = done
            hub.fetch(model.repository, file, coming / file.path, lambda n, b=before: report(b + n, total))  # type: ignore[misc]
            done += file.size
            report(done, total)
        (coming / MANIFEST).write_text(json.dumps({file.path: file.size for file in files}), encoding="utf-8")
        swap(coming, folder)
    except OSError as error:
        raise FetchFailed(f"{models_dir} can't be written: {error.strerror or error}") from error
    return True


def room(folder: Path, total: int) -> None:
    """Raises FetchFailed where the disk has no room for what is still missing."""
    have = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    free = shutil.disk_usage(folder).free
    if total - have > free:
        raise FetchFailed(
            f"the disk is full: {(total - have) / 1e6:.0f} MB are needed in {folder.parent} and "
            f"{free / 1e6:.0f} MB are free; make room, or set DATA_DIR to another disk"
        )


def swap(coming: Path, folder: Path) -> None:
    """Puts the new folder in the place of the old one."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(coming, folder)
    shutil.rmtree(old, ignore_errors=True)
