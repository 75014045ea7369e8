"""Files that an operator writes beside the profiles. They may hold secrets: what is wrong is told without."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

LARGEST = 256 << 10
Content = TypeVar("Content", bound=BaseModel)


def is_there(file: Path, bad: type[ValueError]) -> bool:
    """Whether there is such a file. Raises `bad` where that can't be told."""
    try:
        return file.is_file()
    except OSError as error:
        raise unreadable(file, error, bad) from None


def read_as(content: type[Content], file: Path, bad: type[ValueError]) -> Content:
    """What is in the file. Raises `bad`, which names the file and what is wrong."""
    try:
        if file.stat().st_size > LARGEST:
            raise bad(f"{file} is larger than {LARGEST >> 10} KiB")
        return content.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        told = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}".lstrip(": ") for each in problems[:5]
        )
        raise bad(f"{file}: {told}") from None
    except tomllib.TOMLDecodeError as error:
        raise bad(f"{file} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(file, error, bad) from None


def owners_alone(file: Path, holds: str, bad: type[ValueError]) -> None:
    """Raises `bad`, which says what the file `holds`, where others can read it."""
    try:
        others = file.stat().st_mode & 0o077
    except OSError as error:
        raise unreadable(file, error, bad) from None
    if others:
        raise bad(f"{file} holds {holds}, and others can read it: chmod 600 {file}")


def unreadable(file: Path, error: Exception, bad: type[ValueError]) -> ValueError:
    """What to raise for a file that the system does not give, or that is no text."""
    return bad(f"{file} can't be read: {type(error).__name__}")
