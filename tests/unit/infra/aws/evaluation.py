"""How IAM decides, as far as our policies go: statements that allow, wildcards, and equal conditions."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any


def allows(
    policy: Mapping[str, Any], action: str, resource: str = "*", context: Mapping[str, str] | None = None
) -> bool:
    """Whether some statement of a policy allows an action on a resource.

    Raises ValueError for what this does not know: a denial, or a condition other than StringEquals.
    """
    return any(
        concerns(statement, action, resource) and holds(statement.get("Condition", {}), context or {})
        for statement in policy["Statement"]
    )


def concerns(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    """Whether a statement is about an action on a resource."""
    if statement["Effect"] != "Allow":
        raise ValueError(f"not known: {statement['Effect']}")
    return matches(statement["Action"], action) and matches(statement["Resource"], resource)


def matches(patterns: str | list[str], value: str) -> bool:
    """Whether one of the patterns of IAM fits."""
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(value, pattern) for pattern in listed)


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether every condition is met by what is known of a request."""
    if unknown := set(conditions) - {"StringEquals"}:
        raise ValueError(f"not known: {unknown}")
    wanted = conditions.get("StringEquals", {})
    return all(context.get(key) == value for key, value in wanted.items())
