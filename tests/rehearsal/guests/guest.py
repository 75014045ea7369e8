"""A host of the rehearsal: a container with systemd, cloud-init, sshd and an engine of its own in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.docker.checkout import docker
from tests.rehearsal.emulator.agents import LABEL
from tests.rehearsal.guests.disk import Disk
from tests.stack import wait_for
from tools import pins

IMAGE = "voicestack-rehearsal-guest"
PREPARED_WITHIN = 300.0
# What systemd and an engine need, and no more than an unprivileged machine may give (no SYS_RESOURCE).
ALLOWED = (
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--cgroupns=host", "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw", "--device-cgroup-rule=a *:* rwm", "--tmpfs=/run",
    "--tmpfs=/run/lock",
)  # fmt: skip


@dataclass(frozen=True)
class Hardware:
    """What a guest is given from outside: what EC2 knows of the instance, and what its machine image holds.

    Without a `network` it has any address. `key` is the public key of who may log in, `files` are files of
    this machine by the path at which the image has them.
    """

    instance: str
    user_data: str
    network: str = ""
    address: str = ""
    key: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)


class Guest:
    """The machine of an instance; its user data are those that the program gave the instance."""

    def __init__(self, hardware: Hardware, folder: Path) -> None:
        self.hardware = hardware
        self.instance = hardware.instance
        self.name = f"voicestack-rehearsal-{hardware.instance}"
        self.seed, self.plugged = folder / "seed", folder / "plugged"
        for each in (self.seed, self.plugged):
            each.mkdir(parents=True)
        known: dict[str, Any] = {"instance-id": self.instance}
        if hardware.key:
            known["public-keys"] = [hardware.key]
        (self.seed / "user-data").write_text(hardware.user_data, encoding="utf-8")
        (self.seed / "meta-data").write_text(json.dumps(known), encoding="utf-8")
        (self.plugged / "disks").touch()
        self.protected = ""

    def start(self) -> None:
        """Boots it for the first time."""
        hardware = self.hardware
        mounted = {
            "/var/lib/cloud/seed/nocloud": self.seed,
            "/etc/rehearsal": self.plugged,
            "/usr/local/lib/docker/cli-plugins/docker-compose": pins.COMPOSE.path(),
            **hardware.files,
        }
        network = [f"--network={hardware.network}", f"--ip={hardware.address}"] if hardware.network else []
        docker(
            "run", "--detach", "--name", self.name, f"--label={LABEL}={self.instance}", *ALLOWED, *network,
            *(f"--mount=type=bind,readonly,source={path},target={at}" for at, path in mounted.items()),
            IMAGE,
        )  # fmt: skip

    def plug(self, disks: list[Disk]) -> None:
        """Gives it these disks, whether it has booted already or not."""
        listed = "".join(f"{disk.volume} {disk.number}\n" for disk in disks)
        file = self.plugged / "disks"
        if file.read_text(encoding="utf-8") != listed:
            file.write_text(listed, encoding="utf-8")
            self.run("plug-disks")

    def stay_up(self) -> None:
        """Boots it again where it went down by itself, as a reboot of a machine does."""
        if docker("inspect", "--format", "{{.State.Running}}", self.name).strip() != "true":
            docker("start", self.name)
            self.protected = ""

    def protect(self, script: str) -> None:
        """Puts a firewall in place with a script; nothing is done where it stands already."""
        if script != self.protected:
            self.run(script)
            self.protected = script

    def stop(self) -> None:
        """Shuts it down."""
        docker("stop", self.name)

    def prepared(self) -> str:
        """How cloud-init ended: `done` or `error`. Raises TimeoutError."""

        def ended() -> str | None:
            # Before systemd runs, cloud-init takes that it has not begun for an error.
            asked = "test -e /run/cloud-init/result.json && cloud-init status"
            said = self.run(asked, check=False).strip().removeprefix("status: ")
            return said if said in ("done", "error") else None

        return wait_for(f"cloud-init of {self.instance}", ended, within=PREPARED_WITHIN, every=1.0)

    def run(self, command: str, *, check: bool = True) -> str:
        """What a shell command prints in it. Raises CalledProcessError."""
        return subprocess.run(
            ["docker", "exec", self.name, "sh", "-c", command], capture_output=True, text=True, check=check
        ).stdout

    def remove(self) -> None:
        """Ends it, with everything in it but its disks."""
        docker("rm", "--force", "--volumes", self.name)


def build_image() -> None:
    """Makes the machine image that guests boot."""
    docker("buildx", "build", "--quiet", "--load", "--tag", IMAGE, str(Path(__file__).parent))
