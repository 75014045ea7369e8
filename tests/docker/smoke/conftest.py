"""A real sshd in a container, as a host to log in to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from tests.smoke.host import HostError, Login, SshHost
from tests.stack import wait_for
from tools import toolchain

IMAGE = f"voicestack-test/sshd:{os.getpid()}"
DOCKERFILE = """\
FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends \
    iproute2 netcat-openbsd openssh-server procps python3 sudo \
    && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /run/sshd && useradd --create-home --shell /bin/bash ubuntu \
    && echo 'ubuntu ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ubuntu \
    && useradd --create-home --shell /bin/bash helpless
ENTRYPOINT ["/usr/sbin/sshd", "-D", "-e"]
"""


@dataclass(frozen=True)
class Sshd:
    """A running container: its name, its address, and a key that it lets in for every user."""

    container: str
    address: str
    key: Path

    def login(self, user: str = "ubuntu") -> Login:
        """How that user logs in."""
        return Login(user, str(self.key))

    def sh(self, command: str) -> str:
        """Runs a command inside, not over SSH."""
        return run("docker", "exec", self.container, "sh", "-c", command)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """The container."""
    folder = tmp_path_factory.mktemp("sshd")
    key = folder / "key"
    made = paramiko.RSAKey.generate(2048)
    made.write_private_key_file(str(key))
    run("docker", "buildx", "build", "--quiet", "--load", "--tag", IMAGE, "-", given=DOCKERFILE)
    name = f"voicestack-sshd{os.getpid()}"
    run("docker", "run", "--detach", "--name", name, "--tmpfs", "/srv/voicestack:size=1m",
        "--tmpfs", "/run/voicestack:size=1m", IMAGE)  # fmt: skip
    try:
        address = run("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", name).strip()
        found = Sshd(name, address, key)
        for user, home in (("root", "/root"), ("ubuntu", "/home/ubuntu"), ("helpless", "/home/helpless")):
            found.sh(
                f"mkdir -p {home}/.ssh && echo '{made.get_name()} {made.get_base64()}' > "
                f"{home}/.ssh/authorized_keys && chown -R {user} {home}/.ssh && chmod 700 {home}/.ssh"
            )
        wait_for("sshd", lambda: logged_in(found), 30, 0.3)
        yield found
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
        subprocess.run(["docker", "image", "rm", IMAGE], capture_output=True, check=False)


def logged_in(sshd: Sshd) -> bool:
    """Whether sshd lets us in by now."""
    try:
        with SshHost("sshd", sshd.address, sshd.login("root")) as host:
            return host.run("true").status == 0
    except HostError:
        return False


@pytest.fixture
def host(sshd: Sshd) -> Iterator[SshHost]:
    """A connection to it, as production is logged in to."""
    with SshHost("streaming", sshd.address, sshd.login()) as connected:
        yield connected


def run(*command: str, given: str = "") -> str:
    """What a command prints; fails with its own words."""
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False,
        env=toolchain.environment(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
