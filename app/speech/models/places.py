"""Where a model is: in its folder under DATA_DIR/models, or in packages, from which it is put there once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from app.speech.models.folders import MANIFEST, SOURCE, complete, folder_name, swap
from app.speech.models.table import BY_NAME, Carried, ModelFile, Part
from app.speech.types import EngineMissing

CHUNK = 1 << 20

Report = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole model."""
Locate = Callable[[Part], Path | None]


def quiet(_: int, __: int) -> None:
    """Tells nobody."""


def installed(part: Part) -> Path | None:
    """The file of a part, where its distribution is installed; nothing of it is imported."""
    try:
        place = Path(str(importlib.metadata.distribution(part.package).locate_file(part.path)))
    except importlib.metadata.PackageNotFoundError:
        return None
    return place if place.is_file() else None


def carried(name: str, locate: Locate = installed) -> Carried | None:
    """The model of that name where all the packages that carry it are installed."""
    model = BY_NAME.get(folder_name(name))
    if model is None or "package" not in model.sources:
        return None
    there = all(locate(part) is not None for file in model.files for part in file.parts)
    return model if there else None


def available(name: str, models_dir: Path, locate: Locate = installed) -> bool:
    """Whether `ready` will find the model, without a network."""
    return complete(models_dir / folder_name(name)) or carried(name, locate) is not None


def ready(name: str, models_dir: Path, report: Report = quiet, locate: Locate = installed) -> Path | None:
    """The folder of the model, put there from its packages where it isn't yet; None where neither has it.

    Raises EngineMissing where a package's file is not what it should be, or the folder can't be written.
    """
    folder = models_dir / folder_name(name)
    if complete(folder):
        return folder
    model = carried(name, locate)
    if model is None:
        return None
    with written(models_dir):
        models_dir.mkdir(parents=True, exist_ok=True)
        with alone(models_dir, model.name):
            # Another process may have done it while this one waited.
            if not complete(folder):
                _join(model, folder, report, locate)
    return folder


def in_place(name: str, models_dir: Path, locate: Locate = installed) -> dict[str, Path] | None:
    """The files of a model by name, where they lie: in its folder, or in packages, none in parts; nothing is
    written. None where neither has it. Raises EngineMissing where a package's file is not what it should be.
    """
    model, folder = BY_NAME[name], models_dir / folder_name(name)
    if complete(folder):
        return {file.name: folder / file.name for file in model.files}
    if carried(name, locate) is None:
        return None
    found = {}
    for file in model.files:
        (part,) = file.parts
        place = found[file.name] = _there(part, locate)
        with place.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                raise _damaged(file)
    return found


def anew(model: Carried, models_dir: Path, report: Report, locate: Locate = installed) -> None:
    """Puts the model there from its packages, whatever is in its place. Raises EngineMissing."""
    with written(models_dir):
        models_dir.mkdir(parents=True, exist_ok=True)
        with alone(models_dir, model.name):
            _join(model, models_dir / model.name, report, locate)


def source(name: str, models_dir: Path) -> str:
    """Where the model in its folder came from: a package, a hub's address, or `folder` for one put there."""
    folder = models_dir / folder_name(name)
    if not complete(folder):
        return ""
    try:
        return (folder / SOURCE).read_text(encoding="utf-8").strip() or "folder"
    except OSError:
        return "folder"


@contextlib.contextmanager
def alone(models_dir: Path, name: str) -> Iterator[None]:
    """Waits until no other process brings this model, and keeps others out until the end of the block."""
    with (models_dir / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def written(models_dir: Path) -> Iterator[None]:
    """Turns an error of the disk into an EngineMissing that says what to do."""
    try:
        yield
    except OSError as error:
        raise EngineMissing(
            f"{models_dir} can't be written ({error.strerror or error}): make room, or set DATA_DIR"
        ) from error


def _join(model: Carried, folder: Path, report: Report, locate: Locate) -> None:
    """Writes the files beside the folder, checks each against the table, and moves them into place."""
    coming = folder.with_name(f".{model.name}.join")
    shutil.rmtree(coming, ignore_errors=True)
    coming.mkdir()
    try:
        done = 0
        for file in model.files:
            _write(file, coming / file.name, lambda n, before=done: report(before + n, model.size), locate)  # type: ignore[misc]
            done += file.size
        _durable(coming / SOURCE, "package " + ", ".join(map(_versioned, model.packages)) + "\n")
        _durable(coming / MANIFEST, json.dumps({file.name: file.size for file in model.files}))
        swap(coming, folder)
    finally:
        shutil.rmtree(coming, ignore_errors=True)


def _write(file: ModelFile, place: Path, report: Callable[[int], None], locate: Locate) -> None:
    seen = hashlib.sha256()
    with place.open("wb") as out:
        for part in file.parts:
            with _there(part, locate).open("rb") as content:
                while piece := content.read(CHUNK):
                    seen.update(piece)
                    out.write(piece)
                    report(out.tell())
        out.flush()
        os.fsync(out.fileno())
    if seen.hexdigest() != file.sha256:
        raise _damaged(file)


def _there(part: Part, locate: Locate) -> Path:
    found = locate(part)
    if found is None:
        raise EngineMissing(f"the package {part.package} has gone: run `make setup`")
    return found


def _damaged(file: ModelFile) -> EngineMissing:
    names = ", ".join(dict.fromkeys(part.package for part in file.parts))
    return EngineMissing(
        f"{file.name} from {names} is damaged or another version (its checksum is wrong): install it "
        "anew with `make setup`"
    )


def _durable(place: Path, content: str) -> None:
    with place.open("w", encoding="utf-8") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _versioned(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package
