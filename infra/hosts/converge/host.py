"""A host as a release sees it: its folders, what it says, and its secrets."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import decide

SECRET_BYTES = 32


class ReleaseError(RuntimeError):
    """A release did not get healthy. The message names service and reason, and has the last log lines."""


@dataclass(frozen=True)
class Places:
    """Folders of a host: what it keeps, what lives in memory alone, and its data."""

    state: Path = Path("/var/lib/voicestack")
    run: Path = Path("/run/voicestack")
    data: Path = Path("/srv/voicestack")

    @property
    def identity(self) -> Path:
        """Credentials for services; a container that the engine starts at boot finds its folder there."""
        return self.state / "aws"

    def bundle(self, release: str) -> Path:
        """The kept bundle of a release."""
        return self.state / "releases" / f"{release}.json"


@dataclass(frozen=True)
class Host:
    """What bringing up a release needs of its host: `docker_config` is the engine's login, in memory."""

    name: str
    places: Places
    say: Callable[[str], None]
    secrets: Mapping[str, str]
    docker_config: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a Compose file names besides secrets."""
        return {"VOICESTACK_HOST": self.name}

    def hidden(self, text: str) -> str:
        """The text without any secret."""
        return decide.hidden(text, self.secrets.values())


def made(places: Places, names: Iterable[str]) -> dict[str, str]:
    """Secrets that the host makes for itself, once: nothing outside it needs them.

    One that can't be read any more is made anew.
    """
    file = places.state / "made.json"
    kept = {name: value for name, value in read(file).items() if isinstance(value, str) and value}
    lacking = {name: secrets.token_urlsafe(SECRET_BYTES) for name in names if name not in kept}
    if lacking:
        kept |= lacking
        keep(file, kept)
    return {name: kept[name] for name in names}


def read(file: Path) -> dict[str, Any]:
    """What was kept there; nothing where there is no such file, or where it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def keep(file: Path, content: Mapping[str, Any]) -> None:
    """Keeps it for root alone, whole or not at all, also where the host loses power meanwhile."""
    fresh = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        json.dump(content, target)
        target.flush()
        os.fsync(target.fileno())
    fresh.replace(file)
