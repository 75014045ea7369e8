"""Releases of tiny images on the real engine, in a folder and a Compose project of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import catalog
from app.release.bundle import Bundle, build
from app.release.names import DATA
from app.render.containers import containers
from app.settings import load
from infra.hosts import program
from infra.hosts.converge import engine, release
from infra.hosts.converge.decide import Standing
from infra.hosts.converge.host import Host, Places
from tests.docker.release.tiny import REPOSITORY, SERVICES, Images
from tests.stack import free_ports
from tools import toolchain


class Machine:
    """A host's folders and what its program says; each release is a bundle as production makes it."""

    def __init__(self, folder: Path, project: str, images: Images) -> None:
        self.places = Places(folder / "state", folder / "run", folder / "data")
        for each in (self.places.state, self.places.run, self.places.data):
            each.mkdir()
        self.project = project
        self.images = images
        self.ports = free_ports()
        self.secrets = {"MEDIA_PUBLISH_PASSWORD": "pub", "MEDIA_READ_PASSWORD": "read"}
        self.said: list[str] = []

    def bundle(self, *, models: bool = False, **kinds: str) -> Bundle:
        """A release in which a service's image is of another kind than `steady-1`."""
        names = [each.name for each in catalog.select(SERVICES)]
        settings = load(
            {
                **self.ports, "MEDIA_PUBLISH_USER": "obs", "MEDIA_READ_USER": "viewer",
                "MEDIA_PUBLISH_PASSWORD": "x", "MEDIA_READ_PASSWORD": "x",
            }
        )  # fmt: skip
        chosen = [replace(each, image=each.name) for each in containers(catalog.select(SERVICES), settings)]
        references = {name: self.images.reference(kinds.get(name, "steady-1")) for name in names}
        return build("streaming", chosen, references, program(), models=models)

    def content(self, bundle: Bundle) -> dict[str, Any]:
        """A bundle's content in this test's own project and folder."""
        content: dict[str, Any] = json.loads(bundle.content.replace(DATA, str(self.places.data)))
        content["compose"]["name"] = self.project
        return content

    def bring(self, bundle: Bundle, *, boot: bool = False) -> None:
        """Brings this machine to a release, as the program on a host does."""
        host = Host("streaming", self.places, self.said.append, self.secrets, self.places.run / "docker")
        release.bring(host, bundle.release, self.content(bundle), boot=boot)

    def running(self) -> dict[str, Standing]:
        """The containers by service."""
        return {each.service: each for each in engine.standings(self.project)}

    def happened(self, since: float) -> list[tuple[str, str]]:
        """What the engine did with this test's containers from a Unix time until now: event, container."""
        said = engine.docker(
            "events", "--since", f"{since:.9f}", "--until", f"{time.time():.9f}",
            "--filter", "type=container", "--filter", f"label={engine.LABEL}.project={self.project}",
            "--format", "{{.Action}}\t{{.ID}}",
        )  # fmt: skip
        found = [line.split("\t") for line in said.splitlines()]
        return [(event, container) for event, container in found]

    def remove(self) -> None:
        """Takes everything away again."""
        subprocess.run(
            ["docker", "compose", "--project-name", self.project, "down", "--volumes", "--timeout", "2",
             "--remove-orphans"],
            capture_output=True, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def tools_on_path() -> Iterator[None]:
    """Compose, where the toolchain has put it."""
    before = dict(os.environ)
    os.environ.update(toolchain.environment(os.environ))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def images(tools_on_path: None) -> Iterator[Images]:  # noqa: ARG001
    """The tiny images, pushed to the registry of this machine."""
    made = Images(f"{REPOSITORY}-{os.getpid()}")
    yield made
    made.remove()


@pytest.fixture
def machine(images: Images, tmp_path: Path) -> Iterator[Machine]:
    """A machine on which nothing runs yet."""
    made = Machine(tmp_path, f"voicestack-release{os.getpid()}", images)
    yield made
    made.remove()
