"""`python -m app doctor`: what this machine has and lacks, and how to get what is missing."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import replace

import psutil

from app import catalog
from app.native import checks, container_tools, engines, ports, postgres
from app.native.finding import Finding
from app.native.plan import everything
from app.native.problem import Problem
from app.native.state import RunFolder
from app.render import media
from app.serving.guarding import LOOPBACK
from app.settings import Settings

GIBIBYTE = 1 << 30
# Measured: everything with one stream stays under 1.5 GB.
MEMORY_WANTED = 2 * GIBIBYTE
DISK_WANTED = 2 * GIBIBYTE


def examine(settings: Settings) -> list[Finding]:
    """Everything that Voicestack needs on this machine, in the order of how basic it is."""
    return [
        _python(),
        _environment(),
        *_debian(),
        _media_server(),
        *_tools(),
        _program("ffmpeg", "for publishing and the benchmark"),
        _database(settings),
        *_group("speech engines", engines.engine_problems(settings), _engines_in_use(settings)),
        *_group("commentary", checks.commentary_problems(settings), _watched(settings)),
        *_ports(settings),
        _memory(),
        _disk(settings),
        _gpu(),
        *container_tools.examine(),
    ]


def _python() -> Finding:
    # An older one can't even read this program: setup says so.
    return Finding("Python", "ok", platform.python_version())


def _environment() -> Finding:
    if sys.prefix != sys.base_prefix:
        return Finding("virtual environment", "ok", sys.prefix)
    return Finding("virtual environment", "warning", "none in use", "Run `make setup`.")


def _debian() -> list[Finding]:
    try:
        from tools import debian
    except ImportError:
        # Only a checkout has them; an image was built with its packages.
        return []
    absent = debian.missing(debian.packages("runtime"))
    if absent:
        return [Finding("system packages", "missing", ", ".join(absent), debian.remedy(absent))]
    return [Finding("system packages", "ok", ", ".join(debian.packages("runtime")))]


def _media_server() -> Finding:
    try:
        return Finding("MediaMTX", "ok", str(media.find_binary()))
    except media.MediaServerMissing:
        return Finding("MediaMTX", "missing", f"version {media.VERSION}", "Run `make setup`.")


def _tools() -> list[Finding]:
    """What setup would build with; of no interest where everything is built."""
    found = []
    if _media_server().state == "missing" and shutil.which("go") is None:
        found.append(
            Finding(
                "Go",
                "missing",
                "builds MediaMTX",
                "Debian: apt-get install -t bookworm-backports golang-go. macOS: brew install go.",
            )
        )
    try:
        from tools import browser_libraries
    except ImportError:
        return found
    absent = browser_libraries.missing()
    if absent:
        names = ", ".join(each.name for each in absent)
        found.append(Finding("console libraries", "missing", names, "Run `make setup`."))
        if shutil.which("npm") is None:
            found.append(
                Finding(
                    "npm",
                    "missing",
                    "fetches the console libraries",
                    "Debian: apt-get install npm. macOS: brew install node.",
                )
            )
    return found


def _program(name: str, purpose: str) -> Finding:
    path = shutil.which(name)
    if path is not None:
        return Finding(name, "ok", path)
    remedy = f"Debian: apt-get install {name}. macOS: brew install {name}."
    return Finding(name, "warning", f"not installed ({purpose})", remedy)


def _group(subject: str, problems: Iterable[Problem], fine: str) -> list[Finding]:
    found = [
        Finding(subject, "missing" if each.fatal else "warning", each.what, each.remedy) for each in problems
    ]
    return found or [Finding(subject, "ok", fine)]


def _database(settings: Settings) -> Finding:
    """PostgreSQL for uploads, which nothing else needs."""
    if settings.db_host not in LOOPBACK:
        return Finding("PostgreSQL", "ok", f"yours, at {settings.db_host}:{settings.db_port}")
    problems = checks.postgres_problems()
    if problems:
        remedy = "Only uploads need it: run `make setup`, or set DB_HOST to where one runs."
        return Finding("PostgreSQL", "warning", problems[0].what, remedy)
    return Finding("PostgreSQL", "ok", str(postgres.binaries()))


def _engines_in_use(settings: Settings) -> str:
    return f"{settings.asr_engine}, {settings.mt_engine}, {settings.tts_engine}"


def _watched(settings: Settings) -> str:
    who = settings.vision_model or "what is measured is told"
    devices = ", ".join(settings.commentary_devices) or "no cameras here"
    return f"{who}; videos in {settings.videos_dir}, {devices}"


def _ports(settings: Settings) -> list[Finding]:
    if RunFolder(settings).is_held():
        return [Finding("ports", "ok", "in use by Voicestack itself, which is running")]
    needed = ports.port_problems(catalog.select(), settings)
    more = [each for each in ports.port_problems(everything(), settings) if each not in needed]
    return _group("ports", [*needed, *(replace(each, fatal=False) for each in more)], "all free")


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    detail = f"{free / GIBIBYTE:.1f} GiB available"
    if free >= MEMORY_WANTED:
        return Finding("memory", "ok", detail)
    return Finding("memory", "warning", detail, "Close other programs: one stream needs about 1.5 GiB.")


def _disk(settings: Settings) -> Finding:
    problems = checks.data_folder_problems(settings)
    if problems:
        return _group("data folder", problems, "")[0]
    free = shutil.disk_usage(settings.data_dir).free
    detail = f"{free / GIBIBYTE:.1f} GiB free for {settings.data_dir}"
    if free >= DISK_WANTED:
        return Finding("disk", "ok", detail)
    return Finding("disk", "warning", detail, "Free some, or set DATA_DIR to a larger disk.")


def _gpu() -> Finding:
    found = engines.gpu()
    return Finding("GPU", "ok", found or "none (not needed: the default engines run on the CPU)")
