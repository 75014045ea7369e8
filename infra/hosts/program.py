"""The program that runs on the hosts, as it travels in every bundle."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "converge"


def program() -> dict[str, str]:
    """The text of each file of the package `converge`, by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
