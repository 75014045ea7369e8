"""A copy of the checkout whose stack is brought up by the real Pulumi engine, on free ports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.stack import ROOT, free_ports
from tools import toolchain

LIMIT = 900.0
OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS", "STACK", "SERVICE"}


class Checkout:
    """A fresh copy of the checkout's files, with Pulumi in it; its stack has a name of its own.

    `like` names the stack of ours whose configuration it has; without it the stack has none.
    """

    def __init__(self, folder: Path, stack: str, like: str = "") -> None:
        self.folder = folder
        self.stack = stack
        self.ports = free_ports()
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and (like or not name.startswith("envs/Pulumi.")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        # What the make that started the tests was told is not for a make inside them.
        inherited = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
        self.environment = {
            **toolchain.environment(inherited),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        path = f"{ROOT / '.venv' / 'bin'}:{self.environment['PATH']}"
        self.environment["PATH"] = path
        if like and like != stack:
            shutil.copy2(folder / "envs" / f"Pulumi.{like}.yaml", folder / "envs" / f"Pulumi.{stack}.yaml")
        self.pulumi("stack", "select", "--create", stack, check=True)

    def pulumi(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs Pulumi; its words in `stdout`."""
        return subprocess.run(
            ["pulumi", "--non-interactive", *arguments], cwd=self.folder, env=self.environment, timeout=LIMIT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=check,
        )  # fmt: skip

    def configure(self, settings: Mapping[str, str], **keys: str) -> None:
        """Adds to the stack's configuration; the services move to free ports."""
        before = json.loads(self.pulumi("config", "get", "voicestack:settings", check=True).stdout)
        self.say(**keys, settings={**before, **self.ports, **settings})

    def say(self, **keys: object) -> None:
        """Puts values into the stack's configuration, lists and maps as such."""
        given = {}
        for key, value in keys.items():
            given[f"voicestack:{key}"] = (
                {"value": json.dumps(value), "objectValue": value}
                if isinstance(value, list | dict)
                else {"value": str(value)}
            )
        done = self.pulumi("config", "set-all", "--json", json.dumps(given))
        assert done.returncode == 0, done.stdout

    def up(self) -> str:
        """Brings the stack up; what Pulumi said. Fails the test where it fails."""
        done = self.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout
        return done.stdout

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", check=True).stdout)
        return found

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        found: dict[str, Any] = json.loads(docker("inspect", f"voicestack-{self.stack}-{service}"))[0]
        return found

    def health(self, service: str) -> str:
        """Whether the engine takes a container for healthy."""
        return str(self.inspect(service)["State"]["Health"]["Status"])

    def started(self, services: list[str]) -> dict[str, tuple[str, str]]:
        """The id of each container, and since when it runs."""
        found = {service: self.inspect(service) for service in services}
        return {service: (each["Id"], each["State"]["StartedAt"]) for service, each in found.items()}

    def remove(self) -> None:
        """Takes the stack down and removes its data and images."""
        self.pulumi("destroy", "--yes", "--skip-preview")
        mine = f"label=voicestack.stack={self.stack}"
        # An `up` that was broken off leaves what its state does not know.
        if left := docker("ps", "--all", "--quiet", "--filter", mine).split():
            docker("rm", "--force", *left)
            docker("network", "rm", f"voicestack-{self.stack}")
        volumes = docker("volume", "ls", "--quiet", "--filter", mine).split()
        if volumes:
            docker("volume", "rm", *volumes)
        images = docker(
            "images", "--format", "{{.Repository}}:{{.Tag}}", f"voicestack/*:{self.stack}"
        ).split()
        if images:
            docker("image", "rm", *images)


def docker(*arguments: str, both: bool = False) -> str:
    """What a docker command prints, with `both` on standard error too. Raises CalledProcessError."""
    errors = subprocess.STDOUT if both else subprocess.PIPE
    return subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, check=True
    ).stdout
