"""What this machine has for running the services as containers; only that needs any of it."""

from __future__ import annotations

import json
import shutil
import subprocess

import psutil

from app.native import engines
from app.native.finding import Finding

GIBIBYTE = 1 << 30
# The most that the container stack may take.
MEMORY_WANTED = 8 * GIBIBYTE
DISK_WANTED = 10 * GIBIBYTE
PATIENCE = 15.0


def examine() -> list[Finding]:
    """Docker, Pulumi and what they need, each with its remedy; nothing outside a checkout."""
    try:
        from tools import toolchain
    except ImportError:
        return []
    path = toolchain.environment()
    engine = _answer(path, "docker", "info", "--format", "{{json .}}")
    return [
        *_engine(engine),
        _tool("Pulumi", _answer(path, "pulumi", "version")),
        _tool("docker buildx", _answer(path, "docker", "buildx", "version")),
        _tool("docker compose", _answer(path, "docker", "compose", "version")),
    ]


def _answer(environment: dict[str, str], *command: str) -> str:
    """What a command prints, or nothing where it fails or is missing."""
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _engine(answer: str) -> list[Finding]:
    """The engine itself, and what only it can tell: base images, memory, disk, GPU toolkit."""
    info = json.loads(answer) if answer else {}
    if not info.get("ServerVersion"):
        return [
            Finding("Docker engine", "warning", "none answers (only containers need it)", "Run `make tools`.")
        ]
    found = [Finding("Docker engine", "ok", str(info["ServerVersion"]))]
    found.append(_base_images())
    total = int(info.get("MemTotal") or psutil.virtual_memory().total)
    detail = f"{total / GIBIBYTE:.1f} GiB for containers"
    if total >= MEMORY_WANTED:
        found.append(Finding("container memory", "ok", detail))
    else:
        remedy = "Give the engine 8 GiB, or run fewer services (pulumi config set voicestack:services …)."
        found.append(Finding("container memory", "warning", detail, remedy))
    found += _disk(str(info.get("DockerRootDir", "")))
    return found + gpu_toolkit(engines.gpu(), tuple(info.get("Runtimes") or ()))


def _base_images() -> Finding:
    """Whether base images can be had; asking takes a moment."""
    from tools import registry

    if registry.platforms("library/debian", "bookworm-slim"):
        return Finding("base images", "ok", f"the mirror on {registry.ADDRESS} has them")
    here = ["docker", "image", "inspect", "debian:bookworm-slim"]
    asked = ["docker", "manifest", "inspect", "debian:bookworm-slim"]
    for command, detail in ((here, "on this machine"), (asked, "an image registry answers")):
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return Finding("base images", "ok", detail)
    return Finding("base images", "warning", "no image registry answers", "Run `make mirror`.")


def _disk(folder: str) -> list[Finding]:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        # The engine is on another machine, or in a virtual one.
        return []
    detail = f"{free / GIBIBYTE:.1f} GiB free for {folder}"
    if free >= DISK_WANTED:
        return [Finding("container disk", "ok", detail)]
    return [
        Finding("container disk", "warning", detail, "Run `docker system prune`, or move the engine's data.")
    ]


def gpu_toolkit(gpu: str, runtimes: tuple[str, ...]) -> list[Finding]:
    """Whether containers get at the GPU; nothing where there is none."""
    if not gpu:
        return []
    if "nvidia" in runtimes:
        return [Finding("NVIDIA container toolkit", "ok", "set up")]
    remedy = "Install nvidia-container-toolkit, run nvidia-ctk runtime configure, restart the engine."
    return [Finding("NVIDIA container toolkit", "warning", "containers can't use the GPU", remedy)]


def _tool(name: str, version: str) -> Finding:
    if version:
        return Finding(name, "ok", version.splitlines()[0])
    return Finding(name, "warning", "missing (only containers need it)", "Run `make tools`.")
