"""What the smoke tests see of a release on a real engine: well, and broken in each way."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.hosts.converge import engine
from tests.docker.release.conftest import Machine
from tests.smoke import checks
from tests.smoke.facts import CheckFailed, Facts, Places
from tests.smoke.host import Answer

SECRET = "not-in-any-log"


class ThisMachine:
    """This machine as a host: commands run in its own sh."""

    name = "streaming"

    def run(self, command: str, *, given: str = "", within: float = 60.0) -> Answer:
        """Runs it."""
        done = subprocess.run(
            ["sh", "-c", command], input=given, capture_output=True, text=True, timeout=within, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def in_memory(machine: Machine) -> Iterator[Path]:
    """Where this machine keeps secrets: a folder in memory."""
    folder = Path("/dev/shm") / machine.project
    folder.mkdir()
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.fixture
def released(machine: Machine, in_memory: Path) -> Facts:
    """A release that is up, as the host knows it."""
    machine.places = machine.places.__class__(machine.places.state, in_memory, machine.places.data)
    machine.secrets["MEDIA_PUBLISH_PASSWORD"] = SECRET
    bundle = machine.bundle()
    machine.bring(bundle)
    wanted = machine.places.state / "wanted"
    wanted.mkdir()
    (wanted / "wanted.json").write_text(bundle.content, encoding="utf-8")
    places = Places(state=str(machine.places.state), run=str(in_memory), user_data="/nowhere")
    host = {"data": str(machine.places.data), "gpu": False, "volume": "vol-0"}
    return Facts(host, bundle.release, machine.content(bundle), places)


def test_a_release_is_healthy_keeps_its_secrets_and_is_missed_service_by_service(
    machine: Machine, released: Facts
) -> None:
    host = ThisMachine()
    assert checks.containers_healthy(host, released) == "3 healthy"
    assert checks.secrets_kept(host, released).startswith("2 secrets in none of")
    engine.docker("stop", "--time", "1", machine.running()["dubber"].container)
    with pytest.raises(CheckFailed, match=r"^dubber is exited$"):
        checks.containers_healthy(host, released)
    engine.docker("rm", machine.running()["dubber"].container)
    with pytest.raises(CheckFailed, match=r"^dubber is missing$"):
        checks.containers_healthy(host, released)


def test_a_secret_in_a_log_and_in_an_image_is_named(machine: Machine, released: Facts) -> None:
    loud = f"{machine.images.repository}:loud"
    given = f"FROM debian:bookworm-slim\nENV PASSWORD={SECRET}\n"
    subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--load", "--tag", loud, "-"],
        input=given, text=True, check=True, capture_output=True,
    )  # fmt: skip
    sts = machine.running()["sts"].container
    engine.docker("exec", sts, "sh", "-c", f"echo {SECRET} > /proc/1/fd/1")
    try:
        with pytest.raises(CheckFailed) as told:
            checks.secrets_kept(ThisMachine(), released)
    finally:
        engine.docker("image", "rm", loud)
    said = str(told.value)
    assert "MEDIA_PUBLISH_PASSWORD is in the image" in said
    assert f"MEDIA_PUBLISH_PASSWORD is in the log of {machine.project}-sts-1" in said
    assert SECRET not in said


def test_what_a_host_remembers_is_what_the_smoke_tests_read(released: Facts) -> None:
    kept = json.loads(Path(released.places.state, "state.json").read_text(encoding="utf-8"))
    assert kept == {"good": [released.release], "failed": ""}
