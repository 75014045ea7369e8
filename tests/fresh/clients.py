"""How this machine's clients reach package registries, for a bare one that shall reach them in the same way.

Nothing is named here but where clients keep that: which variables, which files, which certificates.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

VARIABLES = re.compile(
    r"(https?|ftp|all|no)_proxy|(pip|uv|npm_config)_\w+|\w*(CA_BUNDLE|CACERT|CA_CERTS|CAINFO)|SSL_CERT_(FILE|DIR)"
    r"|GO(PROXY|SUMDB|NOSUMDB|NOSUMCHECK|PRIVATE|NOPROXY|INSECURE|VCS|AUTH|TOOLCHAIN|FLAGS)",
    re.IGNORECASE,
)
# Each in the same place there; ~ is root's home there.
FILES = (
    "/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/uv/uv.toml", "~/.config/uv/uv.toml",
    "/etc/npmrc", "~/.npmrc", "~/.config/go/env",
)  # fmt: skip
APT = Path("/etc/apt/apt.conf.d")
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# What update-ca-certificates writes from the certificates that it is given.
MADE = PurePosixPath("/etc/ssl")
GIVEN = PurePosixPath("/usr/local/share/ca-certificates/of-the-machine-around.crt")
HOME = PurePosixPath("/root")


def variables(inherited: Mapping[str, str]) -> dict[str, str]:
    """Those that tell clients of registries, proxies and certificates; none that leads to a folder here."""
    return {
        name: value
        for name, value in inherited.items()
        if VARIABLES.fullmatch(name) and (MADE in PurePosixPath(value).parents or not os.path.isdir(value))
    }


def files(inherited: Mapping[str, str], home: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """The files that exist here, each with its place there."""
    for name in FILES:
        here = home / name.removeprefix("~/") if name.startswith("~") else Path(name)
        if here.is_file():
            yield here, HOME / name.removeprefix("~/")
    for here in sorted(APT.glob("*")) if APT.is_dir() else ():
        if "Acquire::" in here.read_text(encoding="utf-8", errors="replace"):
            yield here, PurePosixPath(here)
    if BUNDLE.is_file():
        yield BUNDLE, GIVEN
    for value in sorted(set(variables(inherited).values())):
        if os.path.isabs(value) and os.path.isfile(value) and MADE not in PurePosixPath(value).parents:
            yield Path(value), PurePosixPath(value)
