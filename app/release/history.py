"""Which releases a role's hosts were told to run, and which one comes before another. Decided, not done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from app.release.names import Role


class UnknownRelease(ValueError):
    """There is no such release; the message lists the choices."""


@dataclass(frozen=True)
class Release:
    """A release of a role: the key of its bundle, and when the hosts were told to run it last."""

    role: Role
    key: str
    told: datetime

    @property
    def name(self) -> str:
        """What people call it."""
        return PurePosixPath(self.key).stem


def history(role: Role, told: Iterable[tuple[str, datetime]]) -> list[Release]:
    """The releases of a role, each once, the one that is wanted now first; from the parameter's values."""
    newest: dict[str, Release] = {}
    for key, when in sorted(told, key=lambda each: each[1]):
        newest.pop(key, None)
        newest[key] = Release(role, key, when)
    return list(reversed(newest.values()))


def target(releases: list[Release], name: str) -> Release:
    """The release of that name, or the one before the wanted one. Raises UnknownRelease."""
    choices = ", ".join(each.name for each in releases[1:])
    if not name and len(releases) > 1:
        return releases[1]
    for each in releases:
        if name and each.name.startswith(name):
            return each
    if not choices:
        raise UnknownRelease("there is no release before the one that is wanted now")
    raise UnknownRelease(f"no release {name!r}; those before the wanted one are: {choices}")
