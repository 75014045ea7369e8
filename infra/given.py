"""The values of a stack's file, each read as the type that Pulumi.yaml declares it to be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml

PROJECT = "voicestack"
FILE = Path(__file__).resolve().parent.parent / "Pulumi.yaml"


def declared() -> dict[str, dict[str, Any]]:
    """What Pulumi.yaml says of each key: type, description, default."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["config"]
    return found


def as_text(default: Any) -> str:
    """A default as Pulumi hands it to the program."""
    if isinstance(default, bool | list | dict):
        return json.dumps(default)
    return str(default)


class Given:
    """The values of a stack's file over the defaults; what is wrong with them gathers in `wrong`.

    `asked` has the type of each key that was asked for: the program knows those and no others.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.defaults = {key: as_text(each["default"]) for key, each in declared().items()}
        self.values = {**self.defaults, **values}
        self.asked: dict[str, str] = {}
        self.wrong: list[str] = []

    def say(self, key: str, problem: str) -> None:
        """One more thing that is wrong."""
        self.wrong.append(f"{PROJECT}:{key}: {problem}")

    def say_what_nobody_asked_for(self) -> None:
        """Names keys that mean nothing to this kind of stack; defaults of the other kind are no mistake."""
        for key, value in sorted(self.values.items()):
            if key not in self.defaults:
                self.say(key, f"unknown; the keys are: {', '.join(self.defaults)}")
            elif key not in self.asked and value != self.defaults[key]:
                self.say(key, "means nothing to a stack of this kind: take it out")

    def value(self, key: str, kind: str = "string") -> str:
        """The value as it is. `kind` is the type that Pulumi.yaml declares."""
        self.asked[key] = kind
        return self.values[key]

    def text(
        self, key: str, default: str = "", *, like: re.Pattern[str], fix: str, optional: bool = False
    ) -> str:
        """A text that looks as it should, and is there unless it is `optional` or has a default."""
        value = self.value(key) or default
        if not value and optional:
            return value
        if not value:
            self.say(key, f"missing: {fix}")
        elif not like.fullmatch(value):
            self.say(key, f"{value!r} won't do: {fix}")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of some words, the first where none is given."""
        value = self.value(key) or choices[0]
        if value not in choices:
            self.say(key, f"{value!r} is neither {' nor '.join(choices)}")
        return value

    def flag(self, key: str) -> bool:
        """Whether something is wanted."""
        value = self.value(key, "boolean")
        if value not in ("true", "false"):
            self.say(key, f"{value!r} is neither true nor false")
        return value == "true"

    def number(self, key: str, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.value(key, "integer")
        if not value.isdecimal() or not least <= int(value) <= most:
            self.say(key, f"{value!r} is not a number from {least} to {most}")
            return int(self.defaults[key])
        return int(value)

    def words(self, key: str) -> tuple[str, ...]:
        """Words separated by commas."""
        return tuple(self.value(key).replace(",", " ").split())

    def names(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self._read(key, "array"))

    def pairs(self, key: str) -> dict[str, str]:
        """A map from texts to texts."""
        return dict(self._read(key, "object"))

    def numbers(self, key: str, names: tuple[str, ...], least: int, most: int) -> dict[str, int]:
        """A map that is empty, or has a whole number within bounds under each of these names."""
        found = self._read(key, "object", object)
        if not found:
            return {}
        right = all(type(each) is int and least <= each <= most for each in found.values())
        if sorted(found) != sorted(names) or not right:
            wanted = " and ".join(names)
            self.say(
                key, f"{self.values[key]}: {wanted}, each a number from {least} to {most}, and nothing else"
            )
            return {}
        return dict(found)

    def _read(self, key: str, kind: str, inner: type = str) -> Any:
        empty: list[str] | dict[str, str] = [] if kind == "array" else {}
        value = self.value(key, kind)
        try:
            read: Any = json.loads(value)
        except ValueError:
            read = None
        inside = read.values() if isinstance(read, dict) else read
        if type(read) is not type(empty) or not all(isinstance(each, inner) for each in inside):
            self.say(key, f"{value!r} is not a {'list' if kind == 'array' else 'map'}")
            return empty
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
