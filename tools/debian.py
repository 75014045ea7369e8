"""The Debian packages of images/debian-packages.txt: which are missing, and their installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).parent.parent / "images" / "debian-packages.txt"

# Where there is no apt: the program that shows that a package is there, and its name in Homebrew.
PROGRAMS = {
    "curl": ("curl", "curl"),
    "libsrt1.5-gnutls": ("srt-live-transmit", "srt"),
    "espeak-ng": ("espeak-ng", "espeak-ng"),
    "apertium": ("apertium", ""),
    "ffmpeg": ("ffmpeg", "ffmpeg"),
    "npm": ("npm", "node"),
}


class NotInstalled(RuntimeError):
    """System packages are missing and can't be installed from here; the message says how."""


def parse(text: str) -> dict[str, tuple[str, ...]]:
    """The packages by group."""
    groups: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (raw.partition("#")[0].strip() for raw in text.splitlines()):
        if line.startswith("["):
            current = groups.setdefault(line.strip("[]"), [])
        elif line:
            current.append(line)
    return {name: tuple(packages) for name, packages in groups.items()}


def packages(*groups: str) -> tuple[str, ...]:
    """The packages of these groups, each once. Raises KeyError for a group that isn't there."""
    known = parse(LIST.read_text(encoding="utf-8"))
    return tuple(dict.fromkeys(package for group in groups for package in known[group]))


def is_debian() -> bool:
    """Whether packages come from apt here."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-query") is not None


def missing(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are not installed; without apt, those whose program is not on PATH."""
    if not is_debian():
        return tuple(name for name in wanted if name in PROGRAMS and shutil.which(PROGRAMS[name][0]) is None)
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return tuple(name for name in wanted if name not in installed)


def remedy(names: tuple[str, ...]) -> str:
    """How to get these packages on this machine."""
    if is_debian():
        return f"apt-get install {' '.join(names)} (as root)"
    if sys.platform == "darwin":
        brews = [PROGRAMS[name][1] for name in names if PROGRAMS[name][1]]
        words = [f"brew install {' '.join(brews)}"] if brews else []
        if "apertium" in names:
            words.append("Homebrew has no Apertium: set MT_ENGINE=ctranslate2, see docs/streams.md")
        return "; ".join(words)
    return f"install {' '.join(names)} with your system's package manager"


def install(names: tuple[str, ...]) -> None:
    """Installs packages where that is possible without asking. Raises NotInstalled with the remedy."""
    if not is_debian():
        raise NotInstalled(f"Missing on this machine: {', '.join(names)}. To get them: {remedy(names)}")
    prefix = _as_root()
    if prefix is None:
        raise NotInstalled(f"Missing on this machine: {', '.join(names)}. To get them: {remedy(names)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["-qq", "-o", "Dpkg::Use-Pty=0"]
    for command in (
        [*prefix, "apt-get", *quiet, "update"],
        [*prefix, "apt-get", *quiet, "install", "--no-install-recommends", "-y", *names],
    ):
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise NotInstalled(f"{' '.join(command)} failed:\n{words}")


def _as_root() -> list[str] | None:
    """What goes before a command to run it as root, or None where that needs a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is not None:
        can = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
        if can.returncode == 0:
            return ["sudo", "-n"]
    return None
