"""The images that Voicestack is delivered in, each declared once, for Pulumi, `make build` and the tests.

Plain data and pure decisions; images/README.md says what a running container may rely on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app import __version__
from app.cache import cache_dir

TITLE = "Voicestack"
LICENCE = "Apache-2.0"
USER = 10001  # who runs in every image, and whom its volumes belong to
BOTH = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True)
class Image:
    """How an image is built: paths are relative to the checkout, which is the build context.

    `limit` is how many MB of compressed layers it may have. An `everyday` image is built by
    `make build` without being named.
    """

    name: str
    title: str
    dockerfile: str
    target: str
    limit: int
    platforms: tuple[str, ...] = BOTH
    arguments: Mapping[str, str] = field(default_factory=dict)
    contexts: tuple[str, ...] = ()
    everyday: bool = True


APP = "images/app/Dockerfile"

IMAGES: tuple[Image, ...] = (
    Image("app", "services without a speech engine", APP, "app", limit=220, contexts=("browser",)),
    Image("commentary", "commentary on video, with what reads text on screen", APP, "commentary", limit=260,
          contexts=("browser",)),
    Image("speech", "every service, with speech engines for the processor", APP, "speech",
          limit=800, arguments={"VARIANT": "cpu"}, contexts=("browser",)),
    Image("speech-cuda", "every service, with speech engines for NVIDIA GPUs", APP, "speech",
          limit=6000, platforms=("linux/amd64",), arguments={"VARIANT": "cuda"}, contexts=("browser",),
          everyday=False),
    Image("media", "media server", "images/media/Dockerfile", "media", limit=100),
    Image("edge", "HTTPS in front of the others", "images/edge/Dockerfile", "edge", limit=100),
    Image("ci", "development tools, for pipelines", "images/ci/Dockerfile", "ci",
          limit=1500, platforms=("linux/amd64",), contexts=("browser",), everyday=False),
)  # fmt: skip


class UnknownImage(ValueError):
    """An image was asked for that isn't declared."""


def get(name: str) -> Image:
    """The image of that name. Raises UnknownImage, listing the choices."""
    for image in IMAGES:
        if image.name == name:
            return image
    raise UnknownImage(f"unknown image {name!r}; the images are: {', '.join(each.name for each in IMAGES)}")


def for_service(image: str, *, gpu: bool) -> str:
    """The image that a service of the catalogue runs in: on a GPU host, `speech` is its CUDA variant."""
    return "speech-cuda" if gpu and image == "speech" else image


def context_folder(name: str) -> Path:
    """The folder of a further build context. `browser`: what `make setup` fetches for the console."""
    return {"browser": cache_dir("browser")}[name]


def inputs(image: Image, ignored: str) -> tuple[str, ...]:
    """The paths that an image is made of: its Dockerfile and what its .dockerignore lets through."""
    let_through = (line[1:].strip() for line in ignored.splitlines() if line.startswith("!"))
    return (image.dockerfile, f"{image.dockerfile}.dockerignore", *let_through)


def labels(image: Image, *, revision: str = "", source: str = "") -> dict[str, str]:
    """The OCI labels of a build.

    Revision and source belong to releases: in an everyday build they would make each commit a new image.
    """
    given = {
        "title": f"{TITLE} {image.name}",
        "description": f"{TITLE}: {image.title}",
        "licenses": LICENCE,
        "version": __version__,
        "revision": revision,
        "source": source,
    }
    return {f"org.opencontainers.image.{key}": value for key, value in given.items() if value}


def tag(*, git_tag: str = "", branch: str = "", commit: str = "") -> str:
    """The tag that a build is pushed under.

    A git tag vX.Y.Z gives X.Y.Z, the branch main gives latest, any other branch dev-<branch>, and a
    commit without a branch dev-<its first 12 digits>. Raises ValueError where nothing is known.
    """
    release = re.fullmatch(r"v(\d+\.\d+\.\d+)", git_tag)
    if release:
        return release[1]
    if branch == "main":
        return "latest"
    name = re.sub(r"[^a-z0-9]+", "-", (branch or commit[:12]).lower()).strip("-")[:60]
    if not name:
        raise ValueError("neither a git tag vX.Y.Z, nor a branch, nor a commit: build inside a checkout")
    return f"dev-{name}"


def reference(image: Image, registry: str, tag: str) -> str:
    """The name that an image is pushed and pulled under."""
    return f"{registry.rstrip('/')}/voicestack/{image.name}:{tag}"


def ca_bundle(environment: Mapping[str, str]) -> str:
    """The file of certificates that pip trusts on this machine, for the build secret `ca`; empty: none."""
    for name in ("CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE"):
        if environment.get(name):
            return environment[name]
    return ""


def index_variable(environment: Mapping[str, str]) -> str:
    """The variable with the address of a package index, for the build secret `index`; empty: none is set."""
    return next((name for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX") if environment.get(name)), "")
