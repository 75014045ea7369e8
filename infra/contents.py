"""Documents of what is in released images (infra/sbom.py writes them), read and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

FOLDER = Path(__file__).resolve().parent.parent / "out" / "sbom"


@dataclass(frozen=True)
class Content:
    """A package's versions (a program may carry several) and licences."""

    versions: tuple[str, ...]
    licences: tuple[str, ...]


def folder() -> str:
    """Where documents lie, as people write it."""
    return "/".join(FOLDER.parts[-2:])


def place(tag: str, image: str) -> Path:
    """Where the document of a release's image lies."""
    return FOLDER / quote(tag, safe="") / f"{image}.cdx.json"


def read(text: str) -> dict[str, Content]:
    """What a CycloneDX document names, by kind and name (pypi/httpx)."""
    found: dict[str, Content] = {}
    for each in json.loads(text).get("components", []):
        key = each["purl"].removeprefix("pkg:").partition("@")[0]
        before = found.get(key, Content((), ()))
        licences = {one["license"].get("id") or one["license"]["name"] for one in each.get("licenses", [])}
        found[key] = Content(
            (*before.versions, each["version"]), tuple(sorted({*before.licences, *licences}))
        )
    return found


def differences(before: Mapping[str, Content], after: Mapping[str, Content]) -> Iterator[str]:
    """What came, what went, what has another version or another licence, a line each."""
    for key in sorted(after.keys() - before.keys()):
        licences = ", ".join(after[key].licences) or "no licence named"
        yield f"new: {key} {', '.join(after[key].versions)} ({licences})"
    for key in sorted(before.keys() - after.keys()):
        yield f"gone: {key} {', '.join(before[key].versions)}"
    for key in sorted(before.keys() & after.keys()):
        old, new = before[key], after[key]
        if old.versions != new.versions:
            yield f"{key} {', '.join(old.versions)} → {', '.join(new.versions)}"
        if old.licences != new.licences:
            yield f"{key}: its licence was {', '.join(old.licences)}, is {', '.join(new.licences)}"
