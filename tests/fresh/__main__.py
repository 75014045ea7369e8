"""Types the README's commands on a bare Debian with Python, Go, git and make: `python3 -m tests.fresh`.

The machine is a container of the local engine, which sees neither this machine's caches nor its packages; it
reaches package registries as this machine's clients do. What is typed is the last commit, cloned.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tests.fresh import clients
from tests.fresh.readme import STEPS, Step
from tools.setup import ROOT

IMAGE = "debian:bookworm-slim"
PACKAGES = ("ca-certificates", "git", "make", "python3")
GO = PurePosixPath("/usr/local/go")
CLONE = "/root/voicestack"
PREPARE_WITHIN = 600.0


class Bare:
    """A machine on which nothing of ours has ever been."""

    def __init__(self, network: str) -> None:
        self.name = f"voicestack-fresh-{secrets.token_hex(4)}"
        self.network = network
        self.variables = clients.variables(os.environ)

    def boot(self) -> None:
        """Starts it, and gives it the README's requirements. Raises CalledProcessError."""
        # Debian's own Go is older than the README asks for: this machine's stands in for one of backports.
        go = subprocess.run(
            ["go", "env", "GOROOT"], capture_output=True, text=True, check=True
        ).stdout.strip()
        told = [part for name, value in self.variables.items() for part in ("--env", f"{name}={value}")]
        docker(
            "run", "--detach", "--init", "--name", self.name, "--network", self.network, *told,
            "--env", f"PATH={GO}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "--volume", f"{go}:{GO}:ro", IMAGE, "sleep", "infinity",
        )  # fmt: skip
        for here, there in clients.files(os.environ, Path.home()):
            docker("exec", self.name, "mkdir", "-p", str(there.parent))
            docker("cp", "--follow-link", str(here), f"{self.name}:{there}")
        script = (
            "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install"
            f" --no-install-recommends -y {' '.join(PACKAGES)} && update-ca-certificates"
        )
        self.type(Step("requirements", script, PREPARE_WITHIN), "/")
        with tempfile.TemporaryDirectory() as folder:
            bundle = f"{folder}/checkout.bundle"
            subprocess.run(["git", "bundle", "create", "--quiet", bundle, "HEAD"], cwd=ROOT, check=True)
            docker("cp", bundle, f"{self.name}:/root/")
        self.type(Step("clone", f"git clone --quiet /root/checkout.bundle {CLONE}"), "/root")

    def type(self, step: Step, folder: str = CLONE) -> None:
        """Types it there; its words are shown. Raises CalledProcessError or TimeoutExpired."""
        command = ["docker", "exec", "--workdir", folder, self.name, "timeout", f"{step.within:g}"]
        subprocess.run(
            [*command, "bash", "-euo", "pipefail", "-c", step.script], stdin=subprocess.DEVNULL, check=True
        )

    def remove(self) -> None:
        """Takes it away."""
        docker("rm", "--force", "--volumes", self.name)


def docker(*arguments: str) -> None:
    """A command of the engine's, its words not shown. Raises CalledProcessError."""
    subprocess.run(["docker", *arguments], stdout=subprocess.DEVNULL, check=True)


def tried(bare: Bare, steps: Sequence[Step]) -> list[str]:
    """Types one step after the other; the names of those that failed."""
    failed = []
    for step in steps:
        print(f"==> {step.name}", flush=True)
        began = time.monotonic()
        try:
            bare.type(step)
        except subprocess.CalledProcessError as problem:
            failed.append(step.name)
            print(f"==> {step.name}: FAILED with exit code {problem.returncode}", flush=True)
        print(f"==> {step.name}: {time.monotonic() - began:.0f} s", flush=True)
    return failed


def main() -> int:
    """The exit status: 0 where everything worked."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.fresh", description=__doc__)
    parser.add_argument("--network", default="bridge", help="the engine's network; host: this machine's own")
    parser.add_argument("--only", default="", metavar="PART", help="steps whose name has this in it")
    parser.add_argument("--keep", action="store_true", help="leave the machine there, to look into")
    asked = parser.parse_args()
    if shutil.which("go") is None:
        sys.exit("fresh: Go is needed here too: the bare machine is lent it")
    bare = Bare(asked.network)
    try:
        print(f"==> a bare Debian ({bare.name})", flush=True)
        bare.boot()
        failed = tried(bare, [step for step in STEPS if asked.only in step.name])
    except subprocess.CalledProcessError as problem:
        sys.exit(f"fresh: the machine does not come up: {problem}")
    finally:
        if asked.keep:
            print(f"docker exec -it --workdir {CLONE} {bare.name} bash")
        else:
            bare.remove()
    for name in failed:
        print(f"==> failed: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
