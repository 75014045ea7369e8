"""LiveKit's server as ours is run and reached: its program, its configuration, and the secret they share.

Standard library only at import: `make livekit` reads it before anything is installed.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cache import cache_dir
from app.catalog import LIVEKIT

if TYPE_CHECKING:
    from app.settings import Settings

PROGRAM = "livekit-server"


class LiveKitMissing(RuntimeError):
    """There is no LiveKit server on this machine. The message says how to get one."""


def find_binary() -> Path:
    """LiveKit's server: what `make livekit` built, else the one on PATH. Raises LiveKitMissing."""
    processor = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
    # Images for both kinds of processor are made of what was built for each.
    for folder in (f"livekit-{LIVEKIT}", f"livekit-{LIVEKIT}-{processor}"):
        if (built := cache_dir("tools", folder, PROGRAM)).is_file():
            return built
    if (on_path := shutil.which(PROGRAM)) is not None:
        return Path(on_path)
    raise LiveKitMissing(f"LiveKit {LIVEKIT} is missing: `make livekit` builds it")


def configuration(settings: Settings) -> dict[str, Any]:
    """The configuration of LiveKit's server as plain data. It holds no secret.

    Rooms are made by those who watch them, and by nobody who comes. On this machine alone nothing but
    loopback is listened on, so TCP, which would listen everywhere, is left out.
    """
    node = settings.local_host if settings.stays_here else settings.media_public_host
    local: dict[str, Any] = {
        "enable_loopback_candidate": True,
        "ips": {"includes": ["127.0.0.0/8"]},
        "tcp_port": 0,
    }
    return {
        "port": settings.livekit_port,
        "bind_addresses": [settings.bind_address],
        # At any other level it warns of every participant that leaves.
        "logging": {"level": "debug" if settings.log_level == "debug" else "error"},
        "rtc": {
            "udp_port": settings.livekit_udp_port,
            "tcp_port": settings.livekit_tcp_port,
            "use_external_ip": False,
            # Where it is not told, it asks servers of others for it.
            **({"node_ip": node} if is_address(node) else {}),
            **(local if settings.stays_here else {}),
        },
        "room": {"auto_create": False},
    }


def is_address(host: str) -> bool:
    """Whether that is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def keys(key: str, secret: str) -> str:
    """Key and secret as the server reads them from LIVEKIT_KEYS."""
    return f"{key}: {secret}"


def secret_file(settings: Settings) -> Path:
    """Where `make run` keeps the secret that it made for its own server."""
    return settings.data_dir.absolute() / "livekit.secret"


def secret(settings: Settings) -> str:
    """LIVEKIT_API_SECRET, or that of the server that `make run` starts; empty where there is neither."""
    given = settings.livekit_api_secret.get_secret_value()
    if given:
        return given
    try:
        return secret_file(settings).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def made_secret(settings: Settings) -> str:
    """The same, made and kept (readable by its owner alone) where there is none yet."""
    if not secret(settings):
        path = secret_file(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(24) + "\n")
    return secret(settings)
