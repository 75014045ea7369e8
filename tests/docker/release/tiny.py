"""Tiny images that behave as services do: healthy, crashing, never healthy; built and pushed as needed."""

from __future__ import annotations

import json
import subprocess

REGISTRY = "127.0.0.1:5000"
REPOSITORY = f"{REGISTRY}/voicestack-test/release"
SERVICES = ("dubber",)

LASTING = 'trap "exit 0" TERM; while :; do sleep 0.2; done'
KINDS = {
    "steady": f"echo ready; touch /tmp/well; {LASTING}",
    "slow": f"sleep 4; touch /tmp/well; {LASTING}",
    "crashing": 'sleep 0.2; echo "no such voice; password $MEDIA_PUBLISH_PASSWORD" >&2; exit 3',
    "fetching": (
        'if [ "$1" = preload ]; then echo "fetching tiny" | tee /data/models/tiny; exit; fi; '
        f"cat /data/models/tiny > /tmp/well; {LASTING}"
    ),
    "offline": 'if [ "$1" = preload ]; then echo "no way to the hub"; exit 1; fi; exit 2',
    "ill": f'echo "the model is missing"; {LASTING}',
}


class Images:
    """Images by what they do: `steady-1`, `steady-2`, …, `crashing`, `ill`."""

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.made: dict[str, str] = {}

    def reference(self, name: str) -> str:
        """The reference of an image by its digest; the engine itself need not have it."""
        if name not in self.made:
            tag = f"{self.repository}:{name}"
            command = KINDS[name.partition("-")[0]]
            text = (
                f"FROM debian:bookworm-slim\nLABEL made={name}\n"
                f"ENTRYPOINT {json.dumps(['sh', '-c', command, 'service'])}\n"
                "HEALTHCHECK --interval=1s --timeout=3s --start-period=3s --retries=2 CMD test -e /tmp/well\n"
            )
            run("docker", "buildx", "build", "--quiet", "--provenance=false", "--tag", tag, "--push", "-",
                given=text)  # fmt: skip
            found = run("docker", "buildx", "imagetools", "inspect", tag, "--format", "{{json .Manifest}}")
            self.made[name] = f"{self.repository}@{json.loads(found)['digest']}"
        return self.made[name]

    def remove(self) -> None:
        """Takes them out of the engine."""
        subprocess.run(
            ["docker", "image", "rm", "--force", *self.made.values()], capture_output=True, check=False
        )


def run(*command: str, given: str = "") -> str:
    """What a command prints; fails with its own words."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
