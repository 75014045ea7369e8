"""A Docker engine that answers: the one that is there, else one of our own: `python3 -m tools.engine`.

On Debian as root docker.io is installed where it is missing, and dockerd started without a service manager.
Elsewhere the message says what to do.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys

from tools import daemon, debian
from tools.progress import step
from tools.registry import ADDRESS

# The first engine with BuildKit 0.10 in it, that can run a builder of its own.
MODERN = (23, 0)


class EngineMissing(RuntimeError):
    """No Docker engine answers and none can be started from here; the message says what to do."""


def version() -> str:
    """The version of the engine that DOCKER_HOST, the context or the default socket leads to, or nothing."""
    if shutil.which("docker") is None:
        return ""
    try:
        answer = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def is_modern(engine: str) -> bool:
    """Whether an engine of that version can run a builder of its own."""
    numbers = re.match(r"(\d+)\.(\d+)", engine)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= MODERN


def remedy(system: str, *, debian_here: bool, root: bool, remote: str) -> str:
    """What to do where no engine answers; nothing where one can be started from here."""
    if remote:
        return f"DOCKER_HOST is {remote}, and nothing answers there: start that engine, or unset DOCKER_HOST."
    if system == "Darwin":
        return "Start Docker Desktop, OrbStack or Colima (brew install colima docker && colima start)."
    if system != "Linux" or not debian_here:
        return (
            "Install Docker Engine from your system's packages and start it (docs.docker.com/engine/install)."
        )
    if not root:
        return (
            "Start it (sudo systemctl start docker), join the group docker (sudo usermod -aG docker $USER, "
            "then log in again), or let us install and start it: sudo python3 -m tools.engine."
        )
    return ""


def command() -> list[str]:
    """How dockerd is started: base images that it lacks come from the mirror, where there is one."""
    return ["dockerd", f"--registry-mirror=http://{ADDRESS}"]


def ensure() -> str:
    """An engine that answers, and its version. Raises EngineMissing, NotInstalled or NotStarted."""
    if found := version():
        return found
    todo = remedy(
        platform.system(),
        debian_here=debian.is_debian(),
        root=os.geteuid() == 0,
        remote=os.environ.get("DOCKER_HOST", ""),
    )
    if todo:
        raise EngineMissing(f"No Docker engine answers. {todo}")
    if absent := debian.missing(debian.packages("engine")):
        step("engine", f"system packages ({', '.join(absent)})", lambda: debian.install(absent))
    if found := version():
        # Where there is a service manager, the package has started it.
        return found
    step("engine", "dockerd", lambda: daemon.start("dockerd", command(), lambda: bool(version())))
    return version()


if __name__ == "__main__":
    try:
        print(f"engine: Docker {ensure()} answers")
    except RuntimeError as trouble:
        sys.exit(f"engine: {trouble}")
