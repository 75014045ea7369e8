"""Production in a rehearsal: a copy of the checkout whose stack is made on the emulator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.docker.checkout import Checkout
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.rehearsal.registry import Registry

STAND_IN = "plugins:\n  providers:\n    - name: aws\n      path: {path}\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0Ci7l1KSrpq2VqWcCnlc4z0tZHFWOkcqAmBnyxBwxe rehearsal"
# What the file of the stack prod does not say, because everybody has to say it for themselves.
CONFIGURED: Mapping[str, object] = {
    "owner": "rehearsal",
    "costCentre": "0000",
    "zone": f"{REGION}a",
    "streamingAmi": "ami-0123456789abcdef0",
    "speechAmi": "ami-0fedcba9876543210",
    "speechHosts": "1",
    "variant": "cpu",
    "speechType": "c7i.large",
    "ingestCidrs": ["203.0.113.0/24"],
    "playbackCidrs": ["203.0.113.0/24"],
    "consoleCidrs": ["198.51.100.7/32"],
    "sshCidrs": ["198.51.100.0/24"],
    "sshKey": KEY,
}


class Production(Checkout):
    """The stack of production, with the emulator for AWS and the stand-in for Pulumi's provider."""

    def __init__(
        self, folder: Path, emulator: Emulator, registry: Registry | None = None, stack: str = "rehearsal"
    ) -> None:
        self.emulator = emulator
        super().__init__(folder, stack, like="prod")
        project = folder / "Pulumi.yaml"
        path = folder / "tests" / "rehearsal" / "provider"
        project.write_text(project.read_text(encoding="utf-8") + STAND_IN.format(path=path), encoding="utf-8")
        self.environment |= emulator.environment
        if registry:
            self.environment |= registry.environment
        self.say(**CONFIGURED)

    def say_setting(self, variable: str, value: str) -> None:
        """Sets a variable of .env.example for the stack."""
        self.pulumi("config", "set", "--path", f"voicestack:settings.{variable}", value, check=True)

    def say_secret(self, variable: str, value: str) -> None:
        """The same for a secret, which the stack's file holds encrypted."""
        path = f"voicestack:settings.{variable}"
        self.pulumi("config", "set", "--secret", "--path", path, value, check=True)

    def renamed(self, before: Mapping[str, str]) -> str:
        """The state as a program has it that calls things otherwise: by type and name, the name there."""
        state = self.pulumi("stack", "export", check=True).stdout
        for resource in json.loads(state)["deployment"]["resources"]:
            urn = resource["urn"]
            if name := before.get(f"{resource['type']}::{urn.rpartition('::')[2]}"):
                state = state.replace(f'"{urn}"', f'"{urn.rpartition("::")[0]}::{name}"')
        return state

    def review(self) -> subprocess.CompletedProcess[str]:
        """The comment for a merge request, in `stdout`; policies are checked."""
        return subprocess.run(
            [sys.executable, "-m", "infra.preview", "--stack", self.stack], cwd=self.folder,
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def changes(self, *arguments: str) -> dict[str, str]:
        """What a preview says would happen, by the name of each resource that would not stay."""
        done = self.pulumi("preview", "--json", "--stack", self.stack, *arguments)
        assert done.returncode == 0, done.stdout[-5000:]
        steps: list[dict[str, Any]] = json.loads(done.stdout[done.stdout.index("{") :])["steps"]
        return {
            "::".join(step["urn"].split("::")[2:]).rpartition("$")[2]: step["op"]
            for step in steps
            if step["op"] not in ("same", "read")
        }
