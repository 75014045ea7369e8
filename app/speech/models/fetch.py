"""Brings a model into its folder: downloaded beside it, checked, then moved into place in one step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from app.speech.models.folders import MANIFEST, SOURCE, complete, swap
from app.speech.models.hub import FetchFailed, File, Hub
from app.speech.models.names import Model

UNWANTED = (".gitattributes", "README.md", "samples")
"""Files and folders that no engine needs; `samples` is where voices have their recordings."""

Report = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole model."""


def bring(hub: Hub, model: Model, models_dir: Path, report: Report, force: bool = False) -> bool:
    """Fetches the model where it is missing or broken, or where `force`; says whether it did.

    The old one stays until the new one is whole. Raises FetchFailed.
    """
    folder = models_dir / model.name
    if complete(folder) and not force:
        return False
    files = wanted(hub.files(model.repository, model.path), model.path)
    total = sum(file.size for file in files.values())
    coming = models_dir / f".{model.name}.part"
    try:
        coming.mkdir(parents=True, exist_ok=True)
        room(coming, total)
        done = 0
        for inside, file in files.items():
            before = done
            hub.fetch(model.repository, file, coming / inside, lambda n, b=before: report(b + n, total))  # type: ignore[misc]
            done += file.size
            report(done, total)
        sizes = {str(inside): file.size for inside, file in files.items()}
        (coming / SOURCE).write_text(f"{hub.address}/{model.repository}\n", encoding="utf-8")
        (coming / MANIFEST).write_text(json.dumps(sizes), encoding="utf-8")
        swap(coming, folder)
    except OSError as error:
        raise FetchFailed(f"{models_dir} can't be written: {error.strerror or error}") from error
    return True


def wanted(files: list[File], folder: str) -> dict[PurePosixPath, File]:
    """The files that an engine needs, by their path inside the model's folder in its repository."""
    inside = {PurePosixPath(file.path): file for file in files}
    return {
        path.relative_to(folder): file
        for path, file in inside.items()
        if path.is_relative_to(folder) and path.relative_to(folder).parts[0] not in UNWANTED
    }


def room(folder: Path, total: int) -> None:
    """Raises FetchFailed where the disk has no room for what is still missing."""
    have = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    free = shutil.disk_usage(folder).free
    if total - have > free:
        raise FetchFailed(
            f"the disk is full: {(total - have) / 1e6:.0f} MB are needed in {folder.parent} and "
            f"{free / 1e6:.0f} MB are free; make room, or set DATA_DIR to another disk"
        )
