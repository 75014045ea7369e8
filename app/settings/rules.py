"""How settings are declared and told: the field with its place in `.env.example`, errors in words."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, SecretStr, ValidationError


class SettingsError(ValueError):
    """Settings that cannot be used. The message names every variable, what is wrong, and an example."""


def section(title: str, default: Any, meaning: str, example: str = "") -> Any:
    """A settings field: where it stands in `.env.example`, its default, its meaning, an example."""
    return Field(
        default=default,
        description=meaning,
        json_schema_extra={"section": title, "example": example},
    )


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One line a wrong variable: its name, what is wrong, an example. Values of secrets never appear."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.extend(message.split("; "))
            continue
        name = str(problem["loc"][0])
        lines.append(f"{name.upper()}: {message}{_example(name, model)}")
    return "\n".join(lines)


def _example(name: str, model: type[BaseModel]) -> str:
    field = model.model_fields.get(name)
    if field is None:
        return ""
    extra = field.json_schema_extra
    example = extra.get("example") if isinstance(extra, dict) else ""
    example = example or shown(field.default)
    return f" (for example {name.upper()}={example})" if example else ""


def shown(value: Any) -> str:
    """A default as it is written in an environment file."""
    if isinstance(value, SecretStr) or value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)
