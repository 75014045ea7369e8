"""The values of a stack's file, each read as what it should be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from infra.config import PROJECT


class Given:
    """The values of a stack's file; what is wrong with them gathers in `wrong`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.wrong: list[str] = []

    def say(self, key: str, problem: str) -> None:
        """One more thing that is wrong."""
        self.wrong.append(f"{PROJECT}:{key}: {problem}")

    def text(
        self, key: str, default: str = "", *, like: re.Pattern[str], fix: str, optional: bool = False
    ) -> str:
        """A text that looks as it should, and is there unless it is `optional` or has a default."""
        value = self.values.get(key, default)
        if not value and optional:
            return value
        if not value:
            self.say(key, f"missing: {fix}")
        elif not like.fullmatch(value):
            self.say(key, f"{value!r} won't do: {fix}")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of some words, the first where none is given."""
        value = self.values.get(key, choices[0])
        if value not in choices:
            self.say(key, f"{value!r} is neither {' nor '.join(choices)}")
        return value

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.values.get(key, str(default))
        if not value.isdecimal() or not least <= int(value) <= most:
            self.say(key, f"{value!r} is not a number from {least} to {most}")
            return default
        return int(value)

    def names(self, key: str) -> tuple[str, ...]:
        """A list, as YAML or separated by commas."""
        value = self.values.get(key, "")
        try:
            read: Any = json.loads(value) if value.startswith("[") else value.replace(",", " ").split()
        except ValueError:
            read = None
        if not isinstance(read, list) or not all(isinstance(each, str) for each in read):
            self.say(key, f"{value!r} is not a list")
            return ()
        return tuple(read)

    def pairs(self, key: str) -> dict[str, str]:
        """A map from texts to texts."""
        value = self.values.get(key, "{}")
        try:
            read: Any = json.loads(value)
        except ValueError:
            read = None
        if not isinstance(read, dict) or not all(isinstance(each, str) for each in read.values()):
            self.say(key, f"{value!r} is not a map")
            return {}
        return read

    def cidrs(self, key: str) -> tuple[str, ...]:
        """Ranges of addresses, each once."""
        found = self.names(key)
        for each in found:
            try:
                IPv4Network(each)
            except ValueError as error:
                self.say(key, f"{error} (for example 203.0.113.0/24)")
        return tuple(dict.fromkeys(found))
