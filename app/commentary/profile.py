"""The profiles: a small file each, in the folder beside this one."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from app.commentary.messages import Profile

FOLDER = Path(__file__).parent / "profiles"


class UnknownProfile(ValueError):
    """There is no such profile. The message names those there are."""


@cache
def all_profiles() -> tuple[Profile, ...]:
    """Every profile, the default one first."""
    found = [
        Profile(name=file.stem, **tomllib.loads(file.read_text(encoding="utf-8")))
        for file in FOLDER.glob("*.toml")
    ]
    return tuple(sorted(found, key=lambda profile: (profile.name != "default", profile.name)))


def get(name: str) -> Profile:
    """The profile of that name. Raises UnknownProfile."""
    for profile in all_profiles():
        if profile.name == name:
            return profile
    choices = ", ".join(profile.name for profile in all_profiles())
    raise UnknownProfile(f"there is no profile {name}; there are {choices}")
