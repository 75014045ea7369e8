"""The images, built once for both platforms into the registry, and containers of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.render import images
from tests.stack import wait_for
from tools import build
from tools.setup import ROOT

EVERYDAY = tuple(image for image in images.IMAGES if image.everyday)
REGISTRY = os.environ.get("REGISTRY") or build.LOCAL_REGISTRY
VERSION = build.Version("test", "0123456789abcdef", "https://example.org/voicestack")
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


class Built:
    """Images in the registry: what it says of them, and containers of them."""

    def __init__(self, digests: dict[str, str]) -> None:
        self.digests = digests

    def name(self, image: str, platform: str = "linux/amd64") -> str:
        """What an engine pulls for that platform: an older one keeps one platform of a list only."""
        return f"{REGISTRY}/voicestack/{image}@{self.listed(image)[platform]}"

    def listed(self, image: str) -> dict[str, str]:
        """The digest of each platform in the manifest list that was pushed."""
        entries = asked(image, "manifests", self.digests[image])["manifests"]
        return {
            f"{each['platform']['os']}/{each['platform']['architecture']}": each["digest"] for each in entries
        }

    def manifests(self, image: str) -> dict[str, dict[str, Any]]:
        """The manifest of each platform."""
        return {
            platform: asked(image, "manifests", digest) for platform, digest in self.listed(image).items()
        }

    def config(self, image: str, platform: str = "linux/amd64") -> dict[str, Any]:
        """The configuration of an image, with its history."""
        digest = self.manifests(image)[platform]["config"]["digest"]
        return asked(image, "blobs", digest)

    def megabytes(self, image: str, platform: str) -> float:
        """What a host downloads."""
        layers = self.manifests(image)[platform]["layers"]
        return float(sum(layer["size"] for layer in layers) / 1e6)


def asked(image: str, kind: str, reference: str) -> dict[str, Any]:
    """What the registry answers."""
    url = f"http://{REGISTRY}/v2/voicestack/{image}/{kind}/{reference}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFESTS})) as answer:
        content: dict[str, Any] = json.load(answer)
    return content


def digests_of(metadata: dict[str, Any]) -> dict[str, str]:
    """The digest of each image that was built."""
    record = build.recorded(metadata, REGISTRY, VERSION, {})
    return {name: made["digest"] for name, made in record["images"].items()}


@pytest.fixture(scope="session")
def built() -> Iterator[Built]:
    """The images as the checkout has them; what the engine pulled of them is gone afterwards."""
    made = Built(digests_of(build.build(EVERYDAY, REGISTRY, VERSION, "--progress=plain")))
    yield made
    for image in EVERYDAY:
        docker("image", "rm", *(made.name(image.name, each) for each in image.platforms), check=False)


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, to be changed."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the docker client."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=check, timeout=300)


@contextlib.contextmanager
def container(*arguments: str) -> Iterator[str]:
    """The id of a container that runs with a read-only root, as in the stack; it is gone afterwards."""
    made = docker("run", "--detach", "--read-only", "--tmpfs", "/tmp", *arguments).stdout.strip()
    try:
        yield made
    finally:
        docker("rm", "--force", "--volumes", made)


def wait_healthy(made: str, within: float) -> None:
    """Waits for the image's own health check. Raises TimeoutError, or AssertionError where it stopped."""

    def healthy() -> bool:
        state = json.loads(docker("inspect", "--format", "{{json .State}}", made).stdout)
        assert state["Running"], docker("logs", made).stderr[-2000:]
        return bool(state["Health"]["Status"] == "healthy")

    wait_for("a healthy container", healthy, within, every=0.5)


def published(made: str, port: int) -> str:
    """The address at which this machine reaches a port of a container."""
    return docker("port", made, str(port)).stdout.splitlines()[0].strip()
