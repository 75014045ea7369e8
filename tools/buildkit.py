"""The builder `voicestack`, for every platform: `python3 -m tools.buildkit`.

A modern engine runs it in a container; beside an older one, or where that image can't be pulled, buildkitd is
started from the tools. Both look for base images in the registry on this machine first.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from app.cache import cache_dir
from tools import daemon, debian, engine, go_modules, pins
from tools.progress import step
from tools.registry import ADDRESS
from tools.toolchain import BUILDER, answer, environment

FORMATS = Path("/proc/sys/fs/binfmt_misc")
MOST_KEPT = "16GB"
"""Of layers that builds may use again, the least used go first: all images for both platforms take 8 GB."""
OTHER = {"x86_64": "aarch64", "aarch64": "x86_64"}


def configuration() -> str:
    """What buildkitd is told."""
    return f"""[registry."docker.io"]
  mirrors = ["{ADDRESS}"]
[registry."{ADDRESS}"]
  http = true
[worker.oci]
  max-parallelism = 2
  gc = true
  maxUsedSpace = "{MOST_KEPT}"
[worker.containerd]
  enabled = false
"""


def emulation() -> None:
    """Lets this machine run programs of the other processor, where that is ours to arrange."""
    wanted = OTHER.get(platform.machine())
    if platform.system() != "Linux" or wanted is None or not debian.is_debian() or os.geteuid() != 0:
        return
    if absent := debian.missing(debian.packages("platforms")):
        step("builder", f"system packages ({', '.join(absent)})", lambda: debian.install(absent))
    if not (FORMATS / "register").exists():
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(FORMATS)])
    if not (FORMATS / f"qemu-{wanted}").exists():
        run(["update-binfmts", "--enable", f"qemu-{wanted}"])


def run(command: list[str]) -> None:
    """Runs a command where every tool is found. Raises NotStarted with its last words."""
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise daemon.NotStarted(f"{' '.join(command)} failed:\n{done.stderr.strip()}")


def answers() -> bool:
    """Whether the builder is there and works."""
    return "running" in answer("docker", "buildx", "inspect", BUILDER, "--bootstrap").lower()


def in_container(config: Path) -> bool:
    """Makes the builder as a container of a modern engine; whether that worked."""
    command = ["docker", "buildx", "create", "--name", BUILDER, "--driver", "docker-container",
               "--driver-opt", "network=host", "--buildkitd-config", str(config)]  # fmt: skip
    try:
        run(command)
    except daemon.NotStarted:
        return False
    return answers()


def beside_engine(config: Path) -> None:
    """Makes the builder from a buildkitd that is started here. Raises NotStarted or BuildFailed."""
    address = f"unix://{cache_dir('services', 'buildkitd.sock')}"
    program = shutil.which("buildkitd", path=environment()["PATH"]) or str(go_modules.build(pins.BUILDKITD))
    run(["docker", "buildx", "create", "--name", BUILDER, "--driver", "remote", address])
    if answers():
        return
    command = [program, "--config", str(config), "--addr", address, "--root", str(cache_dir("buildkit"))]
    step("builder", "buildkitd", lambda: daemon.start("buildkitd", command, answers))


def ensure() -> None:
    """A builder that works. Raises NotStarted, NotInstalled or BuildFailed."""
    emulation()
    if answers():
        return
    config = cache_dir("services", "buildkitd.toml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(configuration(), encoding="utf-8")
    # What is left of one that no longer works.
    answer("docker", "buildx", "rm", "--force", BUILDER)
    if engine.is_modern(engine.version()):
        if step("builder", "a builder in a container", lambda: in_container(config)):
            return
        answer("docker", "buildx", "rm", "--force", BUILDER)
    if os.geteuid() != 0:
        raise daemon.NotStarted(
            "The engine can't run a builder of its own (Docker 23 or later, with moby/buildkit within "
            "reach), and buildkitd has to be started as root: sudo python3 -m tools.buildkit."
        )
    beside_engine(config)


if __name__ == "__main__":
    try:
        ensure()
    except RuntimeError as trouble:
        sys.exit(f"builder: {trouble}")
    print(f"builder: {BUILDER} works")
