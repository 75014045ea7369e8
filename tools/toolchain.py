"""What containers are made with: `python3 -m tools.toolchain [env | run COMMAND …]`.

Without an argument it finds Pulumi with its Python host and plugins, buildx and Compose, and builds from Go
modules what is missing. `env` prints the variables with which all of it is found, for `eval`; `run` runs a
command with them. Built tools lie in the cache; nothing built is put into the user's ~/.pulumi or ~/.docker.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from app.cache import cache_dir
from tools import engine, go_modules, pins, pulumi_host
from tools.go_modules import BuildFailed, Program
from tools.progress import step

BUILDER = "voicestack"


def pulumi_home(inherited: Mapping[str, str]) -> Path:
    """Where the user's own Pulumi keeps its plugins and log-ins."""
    return Path(inherited.get("PULUMI_HOME") or Path.home() / ".pulumi")


def built_home() -> Path:
    """Where our Pulumi plugins are: an official plugin of the same version would know more resources."""
    return cache_dir("tools", "pulumi-home")


def docker_home(inherited: Mapping[str, str]) -> Path:
    """Where the user's own Docker configuration is."""
    return Path(inherited.get("DOCKER_CONFIG") or Path.home() / ".docker")


def built_docker_home() -> Path:
    """The same configuration with our command line plugins beside it."""
    versions = "-".join(each.version for each in pins.CLI_PLUGINS.values())
    return cache_dir("tools", f"docker-{versions}")


def plugin_folder(home: Path, name: str) -> Path:
    """Where Pulumi keeps the pinned plugin of that name."""
    return home / "plugins" / f"resource-{name}-v{pins.PLUGINS[name].version}"


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version such as v3.259.0; none where it has no such form."""
    found = re.match(r"v?(\d+)\.(\d+)", version.strip())
    return tuple(int(each) for each in found.groups()) if found else ()


def environment(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables with which every tool is found, official or built here, over the inherited ones."""
    before = dict(os.environ if inherited is None else inherited)
    made = dict(before)
    programs = (pins.PULUMI, pins.LANGUAGE_HOST, pins.BUILDKITD)
    folders = [str(each.path().parent) for each in programs if each.path().is_file()]
    known = before.get("PATH", "").split(os.pathsep)
    made["PATH"] = os.pathsep.join([*(each for each in folders if each not in known), *known])
    if (built_home() / "plugins").is_dir():
        made.setdefault("PULUMI_CREDENTIALS_PATH", str(pulumi_home(before)))
        made["PULUMI_HOME"] = str(built_home())
    if (built_docker_home() / "cli-plugins").is_dir():
        made["DOCKER_CONFIG"] = str(built_docker_home())
    made.setdefault("BUILDX_BUILDER", BUILDER)
    made.setdefault("PULUMI_SKIP_UPDATE_CHECK", "true")
    return made


def succeeds(*command: str) -> bool:
    """Whether a command ends well where every tool is found; its words are not shown."""
    return bool(answer(*command))


def answer(*command: str) -> str:
    """What a command prints where every tool is found, or nothing where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def make(program: Program) -> Path:
    """Builds one tool and shows how long it took. Raises BuildFailed."""
    return step(
        "tools", f"{program.name} {program.version}, from its Go module", lambda: go_modules.build(program)
    )


def pulumi() -> None:
    """Pulumi and its Python host: those on PATH, else ours. Raises BuildFailed."""
    path = environment()["PATH"]
    found = shutil.which("pulumi", path=path)
    if found is None or (
        Path(found) != pins.PULUMI.path() and numbers(answer(found, "version")) < pins.OLDEST_PULUMI
    ):
        make(pins.PULUMI)
    if shutil.which("pulumi-language-python", path=path) is None:
        make(pins.LANGUAGE_HOST)
    if pins.LANGUAGE_HOST.path().is_file():
        pulumi_host.complete()


def plugins() -> None:
    """Pulumi's plugins: those of the user's own home, those that can be downloaded, else ours."""
    own = pulumi_home(os.environ)
    missing = [
        name
        for name in pins.PLUGINS
        if not plugin_folder(own, name).is_dir() and not plugin_folder(built_home(), name).is_dir()
    ]
    for name in missing:
        program = pins.PLUGINS[name]
        official = ("pulumi", "plugin", "install", "resource", name, program.version)
        if not program.path().is_file() and "PULUMI_HOME" not in environment({}) and ended_well(official):
            continue
        made = make(program)
        into = {**environment(), "PULUMI_HOME": str(built_home())}
        done = subprocess.run(
            [*official, "--file", str(made)], env=into, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BuildFailed(f"{' '.join(official)} failed:\n{done.stderr.strip()}")
    if (built_home() / "plugins").is_dir():
        # Where one plugin is ours, Pulumi looks for the others there too.
        for name in pins.PLUGINS:
            link(plugin_folder(own, name), plugin_folder(built_home(), name))


def ended_well(command: tuple[str, ...]) -> bool:
    """Whether a download succeeded within two minutes."""
    try:
        return (
            subprocess.run(
                command, env=environment(), capture_output=True, timeout=120, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def docker_plugins() -> None:
    """buildx and Compose: those that docker finds, else ours beside the user's own configuration."""
    for name, program in pins.CLI_PLUGINS.items():
        ours = built_docker_home() / "cli-plugins" / program.file
        if ours.is_file() or succeeds("docker", name, "version"):
            continue
        made = make(program)
        ours.parent.mkdir(parents=True, exist_ok=True)
        link(made, ours)
    if not (built_docker_home() / "cli-plugins").is_dir():
        return
    own = docker_home(os.environ)
    if own == built_docker_home():
        return
    # Log-ins and contexts stay the user's own: what changes there changes here.
    for name in ("config.json", "contexts"):
        link(own / name, built_docker_home() / name, dangling=True)
    for plugin in sorted((own / "cli-plugins").glob("docker-*")):
        link(plugin, built_docker_home() / "cli-plugins" / plugin.name)


def link(source: Path, target: Path, *, dangling: bool = False) -> None:
    """Makes `target` lead to `source`, unless there is something already."""
    if (dangling or source.exists()) and not target.is_symlink() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


def builder_daemon() -> None:
    """buildkitd, where the engine is too old to run a builder of its own."""
    there = shutil.which("buildkitd", path=environment()["PATH"]) is not None
    if not there and not engine.is_modern(engine.version()):
        make(pins.BUILDKITD)


def ensure() -> None:
    """Everything that is missing, one after the other. Raises BuildFailed."""
    if shutil.which("docker") is None:
        raise BuildFailed("The program docker is missing: python3 -m tools.engine says how to get it.")
    pulumi()
    plugins()
    docker_plugins()
    builder_daemon()


def show() -> None:
    """Names what will be used, and its version."""
    path = environment()["PATH"]
    print(f"tools: Pulumi {answer('pulumi', 'version')} ({shutil.which('pulumi', path=path)})")
    for name in pins.CLI_PLUGINS:
        print(f"tools: {answer('docker', name, 'version').splitlines()[0]}")


def changed() -> dict[str, str]:
    """The variables of the environment that differ from this one's."""
    return {name: value for name, value in environment().items() if os.environ.get(name) != value}


def main() -> None:
    """Does what the module says; ends with a message and exit code 1 where something fails."""
    match sys.argv[1:]:
        case ["env"]:
            for name, value in sorted(changed().items()):
                print(f"export {name}={shlex.quote(value)}")
        case ["run", program, *rest]:
            found = shutil.which(program, path=environment()["PATH"])
            if found is None:
                sys.exit(f"tools: {program} is missing: run `make tools`")
            os.execve(found, [program, *rest], environment())
        case []:
            try:
                ensure()
            except (RuntimeError, OSError) as problem:
                sys.exit(f"tools: {problem}")
            show()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
