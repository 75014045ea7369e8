"""Where a stream may be taken in from: what a source is, and its file, <stream>.source.toml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from app.dubbing.intake import address as intake
from app.dubbing.owners import private
from app.dubbing.service import paths
from app.dubbing.service.toml_files import owners_alone, read_as

ENDING = ".source.toml"
HEAD = "# Where the stream is taken in from. Written over the API; may be edited here.\n"


class Source(BaseModel):
    """Where a transport stream comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    address: Annotated[SecretStr, Field(max_length=2000)]

    @field_validator("address")
    @classmethod
    def _usable(cls, address: SecretStr) -> SecretStr:
        intake.check(address.get_secret_value())
        return address

    @property
    def shown(self) -> str:
        """The part of the address that people may see."""
        return intake.shown(self.address.get_secret_value())

    @property
    def secret(self) -> str:
        """What of it is for its owner alone; empty where nothing is."""
        return intake.secret(self.address.get_secret_value())


class BadSource(ValueError):
    """A source's file that can't be used. The message names it and what is wrong, and no address."""


def files(folder: Path) -> dict[str, tuple[Path, float]]:
    """The sources' files by stream, each with the time it was written."""
    found = {}
    for file in folder.glob(f"*{ENDING}"):
        name = file.name.removesuffix(ENDING)
        if paths.live_name(paths.live_path(name)) is None:
            continue
        try:
            found[name] = file, file.stat().st_mtime
        except OSError:
            continue
    return found


def read(file: Path) -> Source:
    """The source in the file. Raises BadSource."""
    source = read_as(Source, file, BadSource)
    if source.secret:
        owners_alone(file, source.secret, BadSource)
    return source


def write(folder: Path, stream: str, source: Source) -> float:
    """Puts the source into its file, for its owner alone; tells when that was written. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f".{stream}.source.new"
    with open(new, "w", encoding="utf-8", opener=private) as out:
        out.write(f"{HEAD}address = {quoted(source.address.get_secret_value())}\n")
    return new.replace(folder / f"{stream}{ENDING}").stat().st_mtime


def remove(folder: Path, stream: str) -> None:
    """Takes the file away, where there is one. Raises OSError."""
    (folder / f"{stream}{ENDING}").unlink(missing_ok=True)


def quoted(text: str) -> str:
    """The text as a string of TOML, which has JSON's escapes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
