"""With the network off, containers stop, start and are replaced without losing or fetching anything.

DEP-13, SPK-5, TRN-5.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.docker.checkout import Checkout, docker
from tests.docker.offline import hub
from tests.networks import own_address
from tests.stack import wait_for
from tests.unit.speech import tiny_models

SERVICES = ["asr", "live", "db"]
PASSWORD = "for-tests-only"
BACK_WITHIN = 120.0
SQL = ("psql", "-U", "whisper", "-d", "whisper_db", "-Atc")
PROBE = ("curl", "--silent", "--output", "/dev/null", "--max-time", "3")
DROPPED = ("-m", "conntrack", "--ctstate", "NEW", "-j", "DROP")


class Stack(Checkout):
    """A stack whose recogniser is a model that a hub gave it once."""

    def name(self, service: str) -> str:
        """A service's container."""
        return f"voicestack-{self.stack}-{service}"

    def interface(self) -> str:
        """The interface that the stack's network is on this machine."""
        (found,) = json.loads(docker("network", "inspect", f"voicestack-{self.stack}"))
        return f"br-{found['Id'][:12]}"

    def recogniser(self, service: str) -> str:
        """The engine that a service recognises with."""
        port = self.ports[f"{service.upper()}_PORT"]
        told = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).json()
        return json.dumps(told)

    def kept(self) -> dict[str, str]:
        """What the volumes hold: the model's files with their age, and a row."""
        look = "cd /data/models && find . -type f -printf '%p %s %i %T@\\n' | sort"
        return {
            "models": docker("exec", self.name("asr"), "sh", "-c", look),
            "row": docker("exec", self.name("db"), *SQL, "select word from kept").strip(),
        }

    def healthy(self) -> bool:
        """Whether all containers are."""
        return all(self.health(service) == "healthy" for service in SERVICES)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hub.Hub]:
    """The hub."""
    folder = tmp_path_factory.mktemp("hub") / "tiny"
    tiny_models.whisper(folder)
    with hub.running(folder) as running:
        yield running


@pytest.fixture(scope="module")
def stack(shelf: hub.Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack with its model fetched, and with data in its volumes."""
    stack = Stack(tmp_path_factory.mktemp("offline"), f"offline{os.getpid()}")
    try:
        settings = {"DB_PASSWORD": PASSWORD, "ASR_ENGINE": "whisper", "ASR_MODEL": "tiny"}
        stack.configure(settings, services=",".join(SERVICES))
        stack.environment["HF_ENDPOINT"] = f"http://{own_address()}:{shelf.port}"
        stack.up()
        docker(
            "exec", stack.name("db"), *SQL, "create table kept (word text); insert into kept values ('here')"
        )
        yield stack
    finally:
        stack.remove()


@contextmanager
def network_off(interface: str) -> Iterator[None]:
    """Nothing that begins on that interface gets anywhere, neither beyond this machine nor to it."""
    rules = (
        ["DOCKER-USER", "-i", interface, "!", "-o", interface, *DROPPED],
        ["INPUT", "-i", interface, *DROPPED],
    )
    with ExitStack() as undo:
        for rule in rules:
            subprocess.run(["iptables", "--wait", "-I", *rule], check=True)
            undo.callback(subprocess.run, ["iptables", "--wait", "-D", *rule], check=True)
        yield


def reaches(stack: Stack, address: str) -> bool:
    """Whether a container gets an answer from there."""
    done = subprocess.run(["docker", "exec", stack.name("asr"), *PROBE, address], check=False)
    return done.returncode == 0


def test_with_the_network_off_everything_stops_starts_and_is_replaced_with_its_data(
    stack: Stack, shelf: hub.Hub
) -> None:
    address = f"{stack.environment['HF_ENDPOINT']}/"
    assert "whisper" in stack.recogniser("asr")
    assert reaches(stack, address)
    asked, kept, before = list(shelf.asked), stack.kept(), stack.started(SERVICES)
    assert any("model.bin" in path for path in asked)
    assert "model.bin" in kept["models"]
    with network_off(stack.interface()):
        assert not reaches(stack, address), "the network is not off"
        docker("stop", *(stack.name(service) for service in reversed(SERVICES)))
        docker("start", *(stack.name(service) for service in SERVICES))
        wait_for("everything back", stack.healthy, BACK_WITHIN, 0.5)
        assert stack.kept() == kept

        change_code(stack.folder)
        stack.up()
        after = stack.started(SERVICES)
        assert [service for service in SERVICES if after[service][0] != before[service][0]] == ["asr", "live"]
        assert stack.healthy()
        assert "whisper" in stack.recogniser("asr")
        assert stack.kept() == kept
        assert not reaches(stack, address), "the network came back"
    assert reaches(stack, address)
    assert shelf.asked == [*asked, "/"]


def change_code(folder: Path) -> None:
    """A change that makes another image."""
    with (folder / "app" / "speech" / "asr" / "service.py").open("a", encoding="utf-8") as code:
        code.write("\n# Changed by a test.\n")


@pytest.mark.thorough
def test_without_its_models_up_fails_and_says_which(shelf: hub.Hub, tmp_path: Path) -> None:
    stack = Stack(tmp_path, f"nomodel{os.getpid()}")
    try:
        stack.configure({"ASR_ENGINE": "whisper", "ASR_MODEL": "small"}, services="asr")
        stack.environment["HF_ENDPOINT"] = f"http://{own_address()}:{shelf.port}"
        done = stack.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode != 0
        assert "faster-whisper-small: the hub has no such model" in done.stdout
        assert docker("ps", "--all", "--quiet", "--filter", f"name={stack.name('asr')}") == ""
    finally:
        stack.remove()
