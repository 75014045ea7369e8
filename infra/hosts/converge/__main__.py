"""`python3 -m converge [--boot | --report | --pool]`, as it is started in the folder of the release."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import aws, decide, engine, following, gpu, identity, member, release, volume
from .host import Host, Places, ReleaseError
from .metadata import Metadata

HOST = Path("/etc/voicestack/host.json")
# OSError: a full disk, a missing program; ValueError: a secret that can't be written down.
TOLD_IN_WORDS = (
    ReleaseError, volume.VolumeError, gpu.GpuError, engine.EngineError, OSError, ValueError,
)  # fmt: skip


class Told:
    """Says what happens, on standard output and in a file that others can read while it happens."""

    def __init__(self, name: str, progress: Path) -> None:
        self.name = name
        self.progress = progress

    def __call__(self, text: str) -> None:
        line = f"{self.name}: {text}"
        print(line, flush=True)
        with self.progress.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def main() -> int:
    """Brings the host to its release, or reports how it is. The exit status is 0 where all is well.

    The launcher has made the folders, and holds the lock for as long as this runs.
    """
    bundle = json.loads(Path("wanted.json").read_text(encoding="utf-8"))
    host = json.loads(HOST.read_text(encoding="utf-8"))
    places = Places(data=Path(host["data"]))
    try:
        host = member.described(host, bundle, Metadata())
        run(host, decide.own(bundle, host["name"]), places)
    except TOLD_IN_WORDS as problem:
        print(f"{host['name']}: {problem}", file=sys.stderr, flush=True)
        return 1
    return 0


def run(host: Mapping[str, Any], bundle: Mapping[str, Any], places: Places) -> None:
    """Does what the command line asks for. Raises what goes wrong in words."""
    if "--pool" in sys.argv:
        following.follow(host, bundle, places)
    elif "--report" in sys.argv:
        report(host, bundle, places)
    else:
        (places.run / "progress").write_text("", encoding="utf-8")
        converge(host, bundle, places, Told(host["name"], places.run / "progress"))


def converge(host: Mapping[str, Any], bundle: Mapping[str, Any], places: Places, say: Told) -> None:
    """Volume, GPU, secrets, login, release, one after the other. Raises what goes wrong in words."""
    wanted = Path("release").read_text(encoding="utf-8")
    following.install(bundle, places)
    if (places.run / member.LEAVES).exists():
        say("it is leaving the pool: nothing is started")
        return
    if host["volume"]:
        volume.mount(host["volume"], places.data, say)
    if host["gpu"]:
        say(f"GPU: {gpu.check()}")
    boot = "--boot" in sys.argv
    try:
        secrets = aws.secrets(host["region"], host["secrets"])
        docker_config = login(host, places)
        identity.renew(host, bundle, places.identity)
    except Exception as problem:
        if boot and release.remembered(places).good:
            # The engine has started them by itself, with the secrets that they had.
            say(f"AWS does not answer ({problem}): the services stay as they are")
            return
        raise ReleaseError(f"AWS does not answer: {problem}") from None
    release.bring(Host(host["name"], places, say, secrets, docker_config), wanted, bundle, boot=boot)
    if member.is_member(host, bundle):
        (places.run / member.JOINED).touch()


def login(host: Mapping[str, Any], places: Places) -> Path:
    """Logs the engine in where images come from ECR; gives the folder in memory that holds the login."""
    folder = places.run / "docker"
    folder.mkdir(exist_ok=True, mode=0o700)
    if region := decide.registry_region(host["registry"]):
        engine.docker(
            "login", "--username", "AWS", "--password-stdin", host["registry"],
            given=aws.registry_password(region), environment={"DOCKER_CONFIG": str(folder)},
        )  # fmt: skip
    return folder


def report(host: Mapping[str, Any], bundle: Mapping[str, Any], places: Places) -> None:
    """Tells CloudWatch how full the disks are, and how many services are not well; renews credentials."""
    identity.renew(host, bundle, places.identity)
    disks = [shutil.disk_usage(path) for path in (Path("/"), places.data) if path.is_dir()]
    compose = bundle["compose"]
    well = {each.service for each in engine.standings(compose["name"]) if each.well}
    values = {"DiskUsed": max(100.0 * disk.used / disk.total for disk in disks)}
    if not member.is_member(host, bundle) or member.takes_part(places):
        values["Unhealthy"] = float(len(set(compose["services"]) - well))
    dimensions = {"stack": host["stack"], "host": host.get("measured", host["name"])}
    aws.put_metrics(host["region"], host["metrics"], dimensions, values)


if __name__ == "__main__":
    sys.exit(main())
