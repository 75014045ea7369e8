"""Something that is wrong on this machine, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """What is wrong and its remedy; where it isn't `fatal`, services start all the same."""

    what: str
    remedy: str
    fatal: bool = True


def told(problems: Iterable[Problem]) -> str:
    """The problems as lines for people."""
    return "\n".join(f"- {each.what}\n  {each.remedy}" for each in problems)
