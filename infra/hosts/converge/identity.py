"""Credentials of a role of AWS for the services that need one: the metadata service answers no container.

The SDK in a container asks a command for them, which reads them from a file (`credential_process`), and does
so again before they expire: by then the file holds newer ones.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import aws

INSIDE = "/run/aws"  # where a container has the folder; the bundle says so too
OWNER = 10001  # who runs in the images
RENEWED_AFTER = 1200.0  # seconds; they are good for 3600, and the SDK wants newer ones 900 before that


def renew(host: Mapping[str, Any], bundle: Mapping[str, Any], folder: Path, now: float | None = None) -> bool:
    """Renews them where it is time to; whether it was. Raises what AWS's SDK raises."""
    role, file = bundle.get("identity", ""), folder / "credentials.json"
    if not role:
        return False
    now = time.time() if now is None else now
    config = configuration(role, host["region"], os.environ.get("AWS_ENDPOINT_URL", ""))
    before = folder / "config"
    same = before.is_file() and before.read_text(encoding="utf-8") == config
    if same and file.is_file() and now - file.stat().st_mtime < RENEWED_AFTER:
        return False
    found = aws.assumed(host["region"], role, host["name"])
    folder.mkdir(mode=0o755, exist_ok=True)
    put(file, json.dumps(found))
    put(before, config)
    return True


def configuration(role: str, region: str, endpoint: str) -> str:
    """What the SDK in a container reads first; another address of AWS where the host has one."""
    lines = [
        f"# {role}",
        "[default]",
        f"region = {region}",
        f"credential_process = cat {INSIDE}/credentials.json",
    ]
    return "\n".join([*lines, *([f"endpoint_url = {endpoint}"] if endpoint else [])]) + "\n"


def put(path: Path, text: str) -> None:
    """A file for those who run in the images alone, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "w") as target:
        target.write(text)
    os.chown(fresh, OWNER, OWNER)
    fresh.replace(path)
