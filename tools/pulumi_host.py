"""The two scripts that Pulumi's Python host needs beside it, copied from the modules that they come with."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from tools import pins
from tools.go_modules import BuildFailed, go

# Script: where it is in the SDK's module, the module's version, and its checksum as in Go's database.
SCRIPTS = {
    "pulumi-language-python-exec": (
        "python/cmd",
        "v3.259.0",
        "h1:mJP9tXF9oxcfwidBgteXkUUchIz2L59SbGS5byZBo1w=",
    ),
    "pulumi-resource-pulumi-python": (
        "python/dist",
        "v3.78.1",
        "h1:itSfMcILvEq5wOpGEAzeZdpH973yJ4sRn02nx5SCJHM=",
    ),
}


def complete() -> None:
    """Puts the scripts beside the host that was built, and all beside our Pulumi. Raises BuildFailed."""
    for name, (folder, version, checksum) in SCRIPTS.items():
        kept = pins.LANGUAGE_HOST.path().with_name(name)
        if kept.is_file():
            continue
        source = module_folder(version, checksum) / folder / name
        shutil.copyfile(source, kept)
        kept.chmod(0o755)
    beside = pins.PULUMI.path().parent
    if not pins.PULUMI.path().is_file():
        return
    # Beside Pulumi, as in its own archive: found elsewhere on PATH, it warns.
    for name in (pins.LANGUAGE_HOST.file, *SCRIPTS):
        if not (beside / name).is_file():
            shutil.copy(pins.LANGUAGE_HOST.path().with_name(name), beside / name)


def module_folder(version: str, checksum: str) -> Path:
    """Folder of the SDK's module in Go's own cache, fetched if need be and checked. Raises BuildFailed."""
    with tempfile.TemporaryDirectory() as folder:
        said = json.loads(go(["mod", "download", "-json", f"{pins.SDK}@{version}"], Path(folder), attempts=2))
    if said.get("Sum") != checksum:
        raise BuildFailed(f"{pins.SDK} {version} is not what was pinned: {said.get('Sum')}, not {checksum}")
    return Path(said["Dir"])
