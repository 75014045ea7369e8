"""The stack dev on a real engine: it serves a change of the checkout's code at once (DEP-1, TRN-2)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.docker.checkout import Checkout, docker
from tests.stack import wait_for

SERVICES = ["asr", "db"]
# Nothing is asserted about how quick it is: this only has to end.
RELOADED_WITHIN = 60.0


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack with dev's configuration, up and healthy."""
    checkout = Checkout(tmp_path_factory.mktemp("dev"), f"dev{os.getpid()}", like="dev")
    try:
        checkout.configure({"DB_PASSWORD": "for-tests-only"}, services=",".join(SERVICES))
        checkout.up()
        yield checkout
    finally:
        checkout.remove()


def version(dev: Checkout) -> str:
    """The version that asr says it is, nothing while it does not answer."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{dev.ports['ASR_PORT']}/health", trust_env=False)
    except httpx.TransportError:
        return ""
    return str(answer.json()["version"]) if answer.status_code == 200 else ""


def change(path: Path, old: str, new: str) -> None:
    """Replaces a piece of a file, as an editor does that writes it anew."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_change_of_code_is_served_by_the_same_container(dev: Checkout) -> None:
    before, was = dev.started(SERVICES), version(dev)
    assert was
    change(dev.folder / "app" / "__init__.py", f'"{was}"', '"9.9.9"')
    wait_for("the change", lambda: version(dev) == "9.9.9", RELOADED_WITHIN, 0.1)
    assert dev.started(SERVICES) == before


def test_broken_code_is_told_in_the_log_and_its_repair_is_served(dev: Checkout) -> None:
    before, was = dev.started(SERVICES), version(dev)
    source = dev.folder / "app" / "speech" / "asr" / "service.py"
    change(source, "from app.settings import Settings\n", "from app.settings import Setings\n")
    wait_for("the service gone", lambda: not version(dev), RELOADED_WITHIN, 0.1)
    wait_for("the error in the log", lambda: "Setings" in logged(dev), RELOADED_WITHIN, 0.1)
    change(source, "Setings\n", "Settings\n")
    wait_for("the service back", lambda: version(dev) == was, RELOADED_WITHIN, 0.1)
    assert dev.started(SERVICES) == before


def logged(dev: Checkout) -> str:
    """The log of asr's container."""
    return docker("logs", "--tail=100", f"voicestack-{dev.stack}-asr", both=True)


def test_status_tells_of_the_containers(dev: Checkout) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "app", "status", "--json"],
        cwd=dev.folder, env=dev.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    mine = [each for each in json.loads(said.stdout) if f"-{dev.stack}-" in each["container"]]
    assert [(each["service"], each["state"], each["health"]) for each in mine] == [
        (service, "up", "ok") for service in SERVICES
    ]
    assert mine[0]["address"] == f"127.0.0.1:{dev.ports['ASR_PORT']}"
    assert mine[0]["version"] == version(dev)


def test_logs_show_every_container_and_shell_opens_one(dev: Checkout) -> None:
    app = [sys.executable, "-m", "app"]
    following = subprocess.Popen(
        [*app, "logs", "--stack", dev.stack], cwd=dev.folder, env=dev.environment, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert following.stdout is not None
        fronts: set[str] = set()
        while fronts != {"asr", "db"} and (line := following.stdout.readline()):
            fronts.add(line.partition("|")[0].strip())
        assert fronts == {"asr", "db"}
    finally:
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 0
        assert following.stdout
        following.stdout.close()
    opened = subprocess.run(
        [*app, "shell", "asr", "--stack", dev.stack], input="echo I am $SERVICE_MODE; exit 3",
        cwd=dev.folder, env=dev.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert opened.stdout == "I am asr\n"
    assert opened.returncode == 3


def test_its_database_and_volumes_are_its_own(dev: Checkout) -> None:
    name = f"voicestack-{dev.stack}-db"
    asked = docker("exec", name, "psql", "-U", "whisper", "-d", "whisper_dev_db", "-Atc", "select 1")
    assert asked.strip() == "1"
    for service in SERVICES:
        mounts = dev.inspect(service)["Mounts"]
        volumes = [each["Name"] for each in mounts if each["Type"] == "volume"]
        assert volumes
        assert all(volume.startswith(f"voicestack-{dev.stack}-") for volume in volumes)


def test_the_source_can_not_be_written_from_inside(dev: Checkout) -> None:
    (mount,) = [each for each in dev.inspect("asr")["Mounts"] if each["Type"] == "bind"]
    assert mount["Source"] == str(dev.folder / "app")
    assert mount["RW"] is False
