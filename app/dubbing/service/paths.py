"""The names of streams, as paths of the media server.

live/<name> is what comes in; dub/<name>/<language> and described/<name> go out. all/<name> has all of it for
one player; the dubber itself serves it.

A name is one segment of 1 to 64 letters, digits, "_", "." or "-" that does not begin with a dot.
Anything else under live/ is refused at publishing, so that every stream has one address here too.
"""

from __future__ import annotations

import re

NAME_PATTERN = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}"
LANGUAGE_PATTERN = r"[a-z]{2,3}"
LIVE = re.compile(rf"live/({NAME_PATTERN})")
DESCRIBED = re.compile(rf"described/({NAME_PATTERN})")
ALL = re.compile(rf"all/({NAME_PATTERN})")
DUB = re.compile(rf"dub/({NAME_PATTERN})/({LANGUAGE_PATTERN})")


def live_name(path: str) -> str | None:
    """The stream's name where the path is one that people publish to, else None."""
    match = LIVE.fullmatch(path)
    return match[1] if match else None


def is_output(path: str) -> bool:
    """Whether the path is one that a worker publishes to."""
    return DUB.fullmatch(path) is not None or DESCRIBED.fullmatch(path) is not None


def is_joined(path: str) -> bool:
    """Whether the path is one with every language."""
    return ALL.fullmatch(path) is not None


def live_path(name: str) -> str:
    """Where the stream is published."""
    return f"live/{name}"


def dub_path(name: str, language: str) -> str:
    """Where the dub of a stream appears."""
    return f"dub/{name}/{language}"


def described_path(name: str) -> str:
    """Where the stream with descriptions appears."""
    return f"described/{name}"


def all_path(name: str) -> str:
    """Where the stream is watched in every language."""
    return f"all/{name}"
