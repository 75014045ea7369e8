"""A host of the rehearsal: a container with systemd, cloud-init, sshd and an engine of its own in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.docker.checkout import docker
from tests.rehearsal.emulator.agents import LABEL
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


class Guest:
    """The machine of an instance; its user data are those that the program gave the instance."""

    def __init__(self, instance: str, user_data: str, folder: Path) -> None:
        self.instance = instance
        self.name = f"voicestack-rehearsal-{instance}"
        (folder / "user-data").write_text(user_data, encoding="utf-8")
        (folder / "meta-data").write_text(f"instance-id: {instance}\n", encoding="utf-8")
        self.seed = folder

    def start(self) -> None:
        """Boots it for the first time."""
        docker("buildx", "build", "--quiet", "--load", "--tag", IMAGE, str(Path(__file__).parent))
        plugin = f"{pins.COMPOSE.path()}:/usr/local/lib/docker/cli-plugins/docker-compose:ro"
        docker(
            "run", "--detach", "--name", self.name, f"--label={LABEL}={self.instance}", *ALLOWED,
            f"--volume={self.seed}:/var/lib/cloud/seed/nocloud:ro", f"--volume={plugin}", IMAGE,
        )  # fmt: skip

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
        """Ends it, with everything in it."""
        docker("rm", "--force", "--volumes", self.name)
