"""What the images of the Python services take from the catalogue: `python3 images/app/prepare.py FOLDER`.

Writes FOLDER/health.txt (how each service is asked for its health) and FOLDER/data with a folder for each
volume. Runs while an image is built, with the standard library alone.
"""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).parents[2]))

from app import catalog

DATA = PurePosixPath("/data")


def health_table() -> str:
    """A line for each Python service: name, variable that holds its port, usual port, path."""
    rows = []
    for service in catalog.CATALOG:
        if service.module is not None:
            port = service.port(service.health_port)
            rows.append(f"{service.name} {port.setting.upper()} {port.number} {service.health}\n")
    return "".join(rows)


def data_folders() -> tuple[PurePosixPath, ...]:
    """The volumes under /data, relative to it: a new volume takes its owner from the image's folder."""
    paths = (PurePosixPath(volume.path) for volume in catalog.VOLUMES)
    return tuple(path.relative_to(DATA) for path in paths if path.is_relative_to(DATA))


def main(folder: Path) -> None:
    """Writes both."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "health.txt").write_text(health_table(), encoding="utf-8")
    for each in data_folders():
        (folder / "data" / each).mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
