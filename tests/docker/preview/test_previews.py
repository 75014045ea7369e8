"""`pulumi preview` of every stack, from a fresh copy of the checkout; nothing is made (DEP-1, DEP-10)."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app import catalog
from tests.docker.checkout import Checkout, docker

STACKS = ("local", "local-gpu", "dev")
DEFAULT = [service.name for service in catalog.select()]
SPEECH = {service.name for service in catalog.select() if service.gpu}
CONTAINER = "docker:index/container:Container"
BUILT = "docker-build:index:Image"


def made(checkout: Checkout, kind: str) -> dict[str, dict[str, Any]]:
    """The inputs of all resources of a kind that the stack would get, by their last name."""
    done = checkout.pulumi("preview", "--json", "--stack", checkout.stack)
    assert done.returncode == 0, done.stdout
    steps = json.loads(done.stdout[done.stdout.index("{") :])["steps"]
    states = [step["newState"] for step in steps if step["op"] == "create"]
    return {
        re.sub("^voicestack-(images-)?", "", state["urn"].rpartition("::")[2]): state["inputs"]
        for state in states
        if state["type"] == kind
    }


def engine_has(stack: str) -> list[str]:
    """The containers and volumes of that stack that the engine has."""
    mine = f"label=voicestack.stack={stack}"
    listed = (
        docker("ps", "--all", "--quiet", "--filter", mine),
        docker("volume", "ls", "--quiet", "--filter", mine),
    )
    return sorted(line for each in listed for line in each.splitlines())


@pytest.fixture(params=STACKS)
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    """A stack of ours as a fresh clone has it, with nothing made yet."""
    return Checkout(tmp_path, request.param, like=request.param)


def make_preview(checkout: Checkout, stack: str) -> subprocess.CompletedProcess[str]:
    """What make says, in `stdout`."""
    return subprocess.run(
        ["make", "--no-print-directory", "preview", f"STACK={stack}"],
        cwd=checkout.folder, env=checkout.environment, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def test_make_preview_names_every_container_and_leaves_the_stack_files_alone(checkout: Checkout) -> None:
    files = {path: path.read_bytes() for path in sorted((checkout.folder / "envs").iterdir())}
    before = engine_has(checkout.stack)
    done = make_preview(checkout, checkout.stack)
    assert done.returncode == 0, done.stdout
    for service in DEFAULT:
        assert f"docker:index:Container voicestack-{service} create" in done.stdout, service
    assert "to create" in done.stdout
    assert "warning" not in done.stdout.lower()
    assert {path: path.read_bytes() for path in sorted((checkout.folder / "envs").iterdir())} == files
    assert engine_has(checkout.stack) == before


def test_a_stack_on_aws_is_not_made_by_the_way_of_a_preview(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "local", like="local")
    file = checkout.folder / "envs" / "Pulumi.prod.yaml"
    before = file.read_bytes()
    done = make_preview(checkout, "prod")
    assert done.returncode != 0
    assert "docs/operations.md (First deployment) says how to make the stack prod" in done.stdout
    assert "prod" not in checkout.pulumi("stack", "ls", check=True).stdout
    assert file.read_bytes() == before


def test_only_the_gpu_stack_asks_for_a_gpu_and_the_cuda_image(tmp_path: Path) -> None:
    for stack, gpu in (("local", False), ("local-gpu", True)):
        (folder := tmp_path / stack).mkdir()
        checkout = Checkout(folder, stack, like=stack)
        containers, built = made(checkout, CONTAINER), made(checkout, BUILT)
        asking = {name for name, inputs in containers.items() if inputs.get("deviceRequests")}
        assert asking == (SPEECH if gpu else set())
        assert set(built) == {"app", "media", "speech-cuda" if gpu else "speech"}
        variant = built["speech-cuda" if gpu else "speech"]["buildArgs"]["VARIANT"]
        assert variant == ("cuda" if gpu else "cpu")


def test_the_dev_stack_mounts_the_source_and_has_a_database_ports_volumes_and_a_small_model_of_its_own(
    tmp_path: Path,
) -> None:
    stacks = {}
    for stack in ("local", "dev"):
        (folder := tmp_path / stack).mkdir()
        checkout = Checkout(folder, stack, like=stack)
        services = "web,sales,asr,tts,api,transcriber"
        checkout.pulumi("config", "set", "voicestack:services", services, check=True)
        checkout.environment["DB_PASSWORD"] = "for-tests-only"
        stacks[stack] = made(checkout, CONTAINER)
    dev, local = stacks["dev"], stacks["local"]
    for each, database in ((dev, "whisper_dev_db"), (local, "whisper_db")):
        assert f"--dbname={database}" in each["db"]["healthcheck"]["tests"]
        # The database's password makes all of its variables a secret.
        assert "for-tests-only" not in json.dumps(each)
    for name in DEFAULT:
        assert not ports(dev[name]) & ports(local[name]), name
        binds = [each["source"] for each in dev[name]["mounts"] if each["type"] == "bind"]
        assert binds == ([] if name == "media" else [str(tmp_path / "dev" / "app")]), name
    assert "ASR_MODEL=tiny" in dev["asr"]["envs"]
    volumes = {each["source"] for one in dev.values() for each in one["mounts"] if each["type"] == "volume"}
    assert all(name.startswith("voicestack-dev-") for name in volumes)


def ports(container: dict[str, Any]) -> set[tuple[int, str]]:
    """The ports of the host that a container takes."""
    return {(int(port["external"]), port["protocol"]) for port in container.get("ports", [])}
