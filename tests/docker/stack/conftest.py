"""A copy of the checkout whose stack is brought up by the real Pulumi engine, on free ports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.stack import ROOT, free_ports
from tools import toolchain

DATABASE_PASSWORD = "for-tests-only"
LIMIT = 900.0


class Checkout:
    """A fresh copy of the checkout's files, with Pulumi in it; its stack has a name of its own."""

    def __init__(self, folder: Path, stack: str) -> None:
        self.folder = folder
        self.stack = stack
        self.ports = free_ports()
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and not name.startswith("envs/Pulumi."):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        self.environment = {
            **toolchain.environment(os.environ),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        path = f"{ROOT / '.venv' / 'bin'}:{self.environment['PATH']}"
        self.environment["PATH"] = path
        self.pulumi("stack", "init", stack, check=True)

    def pulumi(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs Pulumi; its words in `stdout`."""
        return subprocess.run(
            ["pulumi", "--non-interactive", *arguments], cwd=self.folder, env=self.environment, timeout=LIMIT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=check,
        )  # fmt: skip

    def configure(self, settings: Mapping[str, str], **keys: str) -> None:
        """Writes the stack's configuration."""
        values = {**keys, "settings": json.dumps({**self.ports, **settings})}
        for key, value in values.items():
            self.pulumi("config", "set", f"voicestack:{key}", value, check=True)

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
        """Takes the stack down and removes its data."""
        self.pulumi("destroy", "--yes", "--skip-preview")
        volumes = docker(
            "volume", "ls", "--quiet", "--filter", f"label=voicestack.stack={self.stack}"
        ).split()
        if volumes:
            docker("volume", "rm", *volumes)


def docker(*arguments: str) -> str:
    """What a docker command prints. Raises CalledProcessError."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="package")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The stack with a database beside the default services, up and healthy."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"), f"test{os.getpid()}")
    try:
        checkout.configure({"DB_PASSWORD": DATABASE_PASSWORD}, services="web,asr,tts,sales,db")
        checkout.up()
        yield checkout
    finally:
        checkout.remove()
