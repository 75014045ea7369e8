"""The edge: where its binary is found, by which names it is reached, and what those behind it are given.

Standard library only at import: `make setup` reads it before anything is installed.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from app.cache import cache_dir

if TYPE_CHECKING:
    from app.settings import Settings

VERSION = "2.11.9"
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
SAID = re.compile(r"v?(\d+)\.(\d+)\.(\d+)\b")

# Names that no public authority gives certificates for.
PRIVATE_NAMES = ("localhost", "local", "internal", "test", "lan", "home.arpa")


class EdgeMissing(RuntimeError):
    """There is no Caddy that fits, neither on PATH nor in the cache."""


def cached_binary() -> Path:
    """Where setup puts Caddy; it may not exist yet."""
    return cache_dir("tools", f"caddy-{VERSION}", "caddy")


def find_binary() -> Path:
    """A Caddy that understands our configuration: from PATH, else from the cache.

    Raises EdgeMissing with the remedy.
    """
    on_path = shutil.which("caddy")
    if on_path is not None and is_compatible(Path(on_path)):
        return Path(on_path)
    if cached_binary().is_file():
        return cached_binary()
    raise EdgeMissing(
        f'Caddy {VERSION} is missing: `make setup ARGS="--edge"` builds it (or put a later 2 on PATH)'
    )


def is_compatible(binary: Path) -> bool:
    """Whether that binary says our version, or a later one that takes the same configuration.

    Earlier ones need not end what stands still.
    """
    try:
        answer = subprocess.run([binary, "version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return fits(answer.stdout.strip())


def fits(said: str) -> bool:
    """Whether what Caddy says of its version is ours or later, within the same major version."""
    oldest, found = SAID.match(VERSION), SAID.match(said)
    if oldest is None or found is None:
        return False
    ours, theirs = [tuple(map(int, each.groups())) for each in (oldest, found)]
    return theirs[0] == ours[0] and theirs >= ours


def names(settings: Settings) -> tuple[str, ...]:
    """The names that the edge answers to: DOMAIN, or without one localhost and this machine's own name."""
    if settings.domain:
        return (settings.domain,)
    own = socket.gethostname().partition(".")[0].lower()
    return tuple(dict.fromkeys(("localhost", own, f"{own}.local")))


def address(settings: Settings) -> str:
    """The HTTPS address that the edge is reached at, without a slash at the end."""
    port = "" if settings.edge_https_port == 443 else f":{settings.edge_https_port}"
    return f"https://{names(settings)[0]}{port}"


def behind(settings: Settings) -> Settings:
    """The settings of the services behind an edge: HTTP stays on this machine, under the edge's names."""
    return settings.model_copy(
        update={
            "bind_address": "127.0.0.1",
            "allowed_hosts": tuple(dict.fromkeys((*settings.allowed_hosts, *names(settings)))),
        }
    )


def variables_behind(settings: Settings) -> dict[str, str]:
    """The same for a process of ours, as variables."""
    inner = behind(settings)
    return {"BIND_ADDRESS": inner.bind_address, "ALLOWED_HOSTS": ",".join(inner.allowed_hosts)}


def is_private(name: str) -> bool:
    """Whether no public authority would give a certificate for that name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or any(name.endswith(f".{each}") for each in PRIVATE_NAMES)
    return True


def certificate(settings: Settings) -> str:
    """Where in the edge's folder its certificate lies, without its ending: .crt, and its key .key.

    As Caddy's certmagic has it: the authority's directory without its scheme, and the name.
    """
    authority = settings.acme_ca or LETS_ENCRYPT
    by = "local" if is_own_authority(settings) else authority.partition("://")[2].replace("/", "-")
    return f"certificates/{safe(by)}/{safe(names(settings)[0])}/{safe(names(settings)[0])}"


def is_own_authority(settings: Settings) -> bool:
    """Whether the edge gives itself its certificate: nobody else does for such a name."""
    return not settings.acme_ca and is_private(names(settings)[0])


def safe(name: str) -> str:
    """A name as it stands in the edge's storage."""
    return re.sub(r"[^\w@.-]", "", name.lower().replace(":", "-"))


def stand_in(at: str) -> list[str]:
    """The command that makes the certificate and key there that are shown until the edge has got its own."""
    subject = ["-subj", "/CN=not yet", "-days", "3650"]
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    return ["openssl", "req", "-x509", *made, *subject, "-keyout", f"{at}.key", "-out", f"{at}.crt"]
