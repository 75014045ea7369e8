"""Fetches the browser libraries of browser_libraries.json with npm: `python3 -m tools.browser_libraries`.

Each package is checked against its pinned checksum before a file of it is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.cache import browser_library

LIST = Path(__file__).with_name("browser_libraries.json")


class FetchFailed(RuntimeError):
    """A library can't be had; the message says why and what to do."""


@dataclass(frozen=True)
class Library:
    """An npm package, the checksum of its archive, and the files in it that we use.

    One that is `optional` is fetched for development, images, and what is switched on by a setting.
    """

    name: str
    version: str
    licence: str
    integrity: str
    files: tuple[str, ...]
    optional: bool = False

    def kept(self, file: str) -> Path:
        """Where that file is kept."""
        return browser_library(self.name, self.version, Path(file).name)


def libraries() -> tuple[Library, ...]:
    """The pinned libraries."""
    return tuple(
        Library(**{**entry, "files": tuple(entry["files"])})
        for entry in json.loads(LIST.read_text(encoding="utf-8"))
    )


def path_of(name: str, file: str) -> Path:
    """Where a file of a pinned library is kept. Raises KeyError where it isn't pinned."""
    for library in libraries():
        if library.name == name and file in {Path(each).name for each in library.files}:
            return library.kept(file)
    raise KeyError(f"{file} of {name} is not in {LIST.name}")


def missing(optional: bool = False) -> tuple[Library, ...]:
    """The libraries of which a file is not there yet; the optional ones too where asked for."""
    wanted = [each for each in libraries() if optional or not each.optional]
    return tuple(each for each in wanted if not all(each.kept(file).is_file() for file in each.files))


def fetch_all(optional: bool = False) -> None:
    """Fetches what is missing. Raises FetchFailed."""
    for library in missing(optional):
        fetch(library)


def fetch(library: Library) -> None:
    """Fetches, checks and keeps one library. Raises FetchFailed."""
    if shutil.which("npm") is None:
        raise FetchFailed(
            f"npm is needed to fetch {library.name}. Debian: apt-get install npm. macOS: brew install node."
        )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["npm", "pack", "--silent", "--ignore-scripts", f"{library.name}@{library.version}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or len(archives) != 1:
            raise FetchFailed(f"npm pack {library.name}@{library.version} failed:\n{done.stderr.strip()}")
        check(library, archives[0].read_bytes())
        keep(library, archives[0])


def check(library: Library, archive: bytes) -> None:
    """Compares an archive with the pinned checksum. Raises FetchFailed."""
    algorithm, _, expected = library.integrity.partition("-")
    found = base64.b64encode(hashlib.new(algorithm, archive).digest()).decode()
    if found != expected:
        raise FetchFailed(f"{library.name} {library.version} is not what was pinned: {found}, not {expected}")


def keep(library: Library, archive: Path) -> None:
    """Puts the files that we use into the cache, each at once or not at all."""
    with tarfile.open(archive) as packed:
        for file in library.files:
            content = packed.extractfile(f"package/{file}")
            if content is None:
                raise FetchFailed(f"{library.name} {library.version} has no file {file}")
            target = library.kept(file)
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as new:
                shutil.copyfileobj(content, new)
            os.chmod(new.name, 0o644)
            os.replace(new.name, target)


if __name__ == "__main__":
    try:
        fetch_all(optional=True)
    except FetchFailed as problem:
        sys.exit(f"{problem}")
