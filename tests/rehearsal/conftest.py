"""What the rehearsals share: the emulator, a registry, and images that only have to be copied."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.emulator.server import Emulator
from tests.rehearsal.production import Production
from tests.rehearsal.registry import Registry

RELEASED = "127.0.0.1:5000/voicestack-rehearsal"
TAG = "1.0.0"
PASSWORD = "hush-for-the-rehearsal"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator, with hosts that are empty machines."""
    with Emulator(tmp_path_factory.mktemp("emulator") / "emulator.log", empty_hosts=True) as running:
        yield running


@pytest.fixture(scope="module")
def production(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The stack of production, configured but not made, with released images and a secret."""
    with Registry(tmp_path_factory.mktemp("registry")) as registry:
        made = Production(tmp_path_factory.mktemp("checkout"), emulator, registry)
        for name in ("app", "media", "speech"):
            release(made, name)
        made.say(registry=RELEASED, tag=TAG)
        made.say_secret("MEDIA_PUBLISH_PASSWORD", PASSWORD)
        made.say_setting("MEDIA_PUBLISH_USER", "obs")
        yield made


def release(made: Production, name: str) -> None:
    """Pushes an image with nothing in it, as one that was released."""
    reference = f"{RELEASED}/voicestack/{name}:{TAG}"
    subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--provenance=false", "--push", "--tag", reference, "-"],
        input=f"FROM scratch\nLABEL made={name}\n", text=True, env=made.environment, check=True,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a copy of the checkout."""
    (made := tmp_path / "checkout").mkdir()
    return made
