"""Which sources may be opened: what the operator's settings allow, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from app.commentary.frames.problem import SourceProblem
from app.commentary.messages import Source
from app.serving.hiding import hide_credentials
from app.settings import Settings

VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".flv", ".mpg", ".mpeg"})
MOST_FILES = 200
STREAM = re.compile(
    r"live/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}|dub/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}/[a-z]{2,3}"
)
RTSP = 554


@dataclass(frozen=True)
class Place:
    """A source that may be opened. `address` may carry credentials: never log it."""

    kind: str
    address: str
    loop: bool = False
    shown: str = ""
    trusted: bool = False
    """Whether its host is one of ours, which may be on any network."""


def place_of(source: Source, settings: Settings) -> Place:
    """Where the source is. Raises SourceProblem where it is not allowed, or not there."""
    match source.kind:
        case "file":
            return file(source.name, settings.videos_dir, source.loop)
        case "stream":
            return stream(source.name, settings)
        case "device":
            return device(source.name, settings.commentary_devices)
        case "livekit":
            raise SourceProblem("refused", "LIVEKIT_ENABLED is off")
    return camera(source.name, settings.commentary_hosts)


def file(name: str, folder: Path, loop: bool) -> Place:
    """A video in the operator's folder, by its path in it. Raises SourceProblem."""
    try:
        path = (folder / name).resolve()
        inside = path.is_relative_to(folder.resolve()) and not Path(name).is_absolute()
        there = path.is_file()
    except PermissionError:
        raise SourceProblem("permission_denied", name) from None
    except (OSError, ValueError):
        raise SourceProblem("not_found", "there is no such file") from None
    if not inside:
        raise SourceProblem("refused", "it is not in the folder for videos")
    if not there:
        raise SourceProblem("not_found", f"no file {name} in the folder for videos")
    if path.suffix.lower() not in VIDEOS:
        raise SourceProblem("unreadable", f"{name} is none of {', '.join(sorted(VIDEOS))}")
    return Place("file", str(path), loop, name)


def stream(path: str, settings: Settings) -> Place:
    """A stream of our media server, live/<name> or dub/<name>/<language>. Raises SourceProblem."""
    if not STREAM.fullmatch(path):
        raise SourceProblem("not_found", "streams are called live/<name> or dub/<name>/<language>")
    host = f"[{settings.media_host}]" if ":" in settings.media_host else settings.media_host
    login = ""
    if settings.media_read_user:
        password = settings.media_read_password.get_secret_value()
        login = f"{quote(settings.media_read_user, safe='')}:{quote(password, safe='')}@"
    return Place("rtsp", f"rtsp://{login}{host}:{settings.media_rtsp_port}/{path}", shown=path, trusted=True)


def device(name: str, devices: tuple[str, ...]) -> Place:
    """A camera of this machine. Raises SourceProblem."""
    if name not in devices:
        raise SourceProblem("refused", "the device is not in COMMENTARY_DEVICES")
    return Place("device", name, shown=name)


def camera(address: str, hosts: tuple[str, ...]) -> Place:
    """A stream of another host, by its RTSP address. Raises SourceProblem."""
    shown = hide_credentials(address)
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port or RTSP
    except ValueError:
        raise SourceProblem("not_found", "that is no address") from None
    if parts.scheme != "rtsp" or not host or any(ord(each) <= 32 or ord(each) == 127 for each in address):
        raise SourceProblem("refused", "an address begins with rtsp:// and has a host")
    if f"{host}:{port}" not in hosts and not (port == RTSP and host in hosts):
        raise SourceProblem("refused", f"{host}:{port} is not in COMMENTARY_HOSTS")
    return Place("rtsp", address, shown=shown)


def files(folder: Path) -> list[str]:
    """The videos in the operator's folder, as paths in it; the first MOST_FILES of them."""
    found = []
    try:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in VIDEOS and path.is_file():
                found.append(str(path.relative_to(folder)))
            if len(found) >= MOST_FILES:
                break
    except OSError:
        return found
    return found
