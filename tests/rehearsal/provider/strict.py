"""AWS takes fewer texts than the emulator does: what its own models of its services say of them is held to.

The models are botocore's, which sends what they forbid all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

# What botocore's model of EC2 does not say: the characters of a security group's and a rule's description.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
DESCRIPTION = r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}"
# Java's names for kinds of characters, as Python writes them inside of brackets.
JAVA = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{M}": "", r"\p{S}": "", r"\p{P}": ""}


def refuse(params: dict[str, Any], model: Any, **_: Any) -> None:
    """An event handler of botocore. Raises ValueError, naming what AWS would refuse in a request."""
    if wrong := list(problems(params, model.input_shape, model.service_model.service_name)):
        raise ValueError(f"AWS would refuse {model.name}: {'; '.join(wrong)}")


def problems(given: Any, shape: Any, service: str, path: str = "") -> Iterator[str]:
    """What is wrong with a part of a request."""
    if shape.type_name == "structure" and isinstance(given, dict):
        for key, value in given.items():
            if key in shape.members:
                yield from problems(value, shape.members[key], service, f"{path}.{key}".lstrip("."))
    elif shape.type_name == "list" and isinstance(given, list):
        for value in given:
            yield from problems(value, shape.member, service, path)
    elif shape.type_name == "map" and isinstance(given, dict):
        for key, value in given.items():
            yield from problems(key, shape.key, service, path)
            yield from problems(value, shape.value, service, f"{path}.{key}")
    elif shape.type_name == "string" and isinstance(given, str):
        yield from text_problems(given, shape, service, path)


def text_problems(given: str, shape: Any, service: str, path: str) -> Iterator[str]:
    """What is wrong with a text: its length, its characters, or that it is none of those to choose from."""
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if len(given) < least or (most is not None and len(given) > most):
        yield f"{path} has {len(given)} characters, not {least} to {most}"
    if shape.enum and given not in shape.enum:
        yield f"{path} {given!r} is none of {', '.join(shape.enum)}"
    wanted = DESCRIPTION if (service, shape_name(path)) == ("ec2", "Description") else ""
    pattern = compiled(wanted or shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(given):
        yield f"{path} {given!r} is not like {pattern.pattern}"


def shape_name(path: str) -> str:
    """The last part of a path."""
    return path.rpartition(".")[2]


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern of a model; None for what only Java understands."""
    for java, python in JAVA.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern, re.DOTALL) if pattern else None
    except re.error:
        return None
