"""`python -m app.native.edge`: Caddy for `make run`, configured from the settings.

Its certificates and the log of its requests lie in DATA_DIR/edge, which is its owner's alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from app.native.guard import PRIVATE
from app.native.plan import without_settings
from app.render import caddy, edge
from app.settings import Settings, load

NO_BINARY = 3


def folder_of(settings: Settings) -> Path:
    """Where its certificates lie."""
    return settings.data_dir.absolute() / "edge"


def write(settings: Settings) -> Path:
    """Writes its configuration and gives the file."""
    folder = folder_of(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "caddy.json"
    configuration = caddy.configuration(settings, str(folder), access_log=str(folder / "access.log"))
    file.write_text(json.dumps(configuration, indent=2), encoding="utf-8")
    return file


def has_certificate(at: Path) -> bool:
    """Whether a certificate and its key are there."""
    return at.with_name(f"{at.name}.crt").is_file() and at.with_name(f"{at.name}.key").is_file()


def make_stand_in(at: Path) -> None:
    """Makes a certificate and key there, unless they are there: the media server does not start without, and
    starts before the edge, which puts its own in their place.
    """
    if has_certificate(at):
        return
    before = os.umask(PRIVATE)
    try:
        at.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(edge.stand_in(str(at)), check=True, capture_output=True)
    finally:
        os.umask(before)


def main() -> int:
    """Becomes Caddy; the exit status where there is none."""
    os.umask(PRIVATE)
    settings = load()
    try:
        binary = edge.find_binary()
    except edge.EdgeMissing as error:
        print(error, file=sys.stderr)
        return NO_BINARY
    command = [str(binary), "run", "--config", str(write(settings))]
    secrets = {caddy.CDN_SECRET: secret} if (secret := settings.cdn_secret.get_secret_value()) else {}
    os.execve(binary, command, without_settings(os.environ) | secrets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
