"""The registry on this machine: base images that can't be pulled, and images built here.

It is Debian's docker-registry, on loopback only; its images lie in the cache.
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from typing import Any

from app.cache import cache_dir
from tools import daemon, debian
from tools.progress import step

ADDRESS = "127.0.0.1:5000"
# Both forms of a list of platforms, and of an image for one.
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# Loopback is never behind a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers() -> bool:
    """Whether a registry answers at the address."""
    try:
        with OPENER.open(f"http://{ADDRESS}/v2/", timeout=3) as answer:
            return int(answer.status) == 200
    except (OSError, ValueError):
        return False


def platforms(repository: str, tag: str) -> frozenset[str]:
    """The platforms of an image there, such as linux/arm64; none where there is no such image."""
    try:
        content = _asked(f"{repository}/manifests/{tag}")
        if "manifests" in content:
            made = [each["platform"] for each in content["manifests"]]
        else:
            made = [_asked(f"{repository}/blobs/{content['config']['digest']}")]
    except (OSError, ValueError, KeyError):
        return frozenset()
    return frozenset(f"{each['os']}/{each['architecture']}" for each in made)


def _asked(path: str) -> dict[str, Any]:
    """What the registry answers. Raises OSError and ValueError."""
    url = f"http://{ADDRESS}/v2/{path}"
    request = urllib.request.Request(url, headers={"Accept": ", ".join(MANIFESTS)})
    with OPENER.open(request, timeout=10) as answer:
        content = json.load(answer)
    if not isinstance(content, dict):
        raise ValueError(f"{url}: no JSON object")
    return content


def ensure() -> None:
    """A registry that answers, started where there is none. Raises NotInstalled or NotStarted."""
    if answers():
        return
    if shutil.which("docker-registry") is None:
        if not debian.is_debian():
            raise daemon.NotStarted(
                f"Nothing answers at {ADDRESS}. Run a registry there, such as the image registry:2."
            )
        absent = debian.missing(debian.packages("registry"))
        step("registry", f"system packages ({', '.join(absent)})", lambda: debian.install(absent))
    configuration = cache_dir("registry", "registry.yml")
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text(rendered(str(cache_dir("registry", "images"))), encoding="utf-8")
    serve = ["docker-registry", "serve", str(configuration)]
    step("registry", f"registry on {ADDRESS}", lambda: daemon.start("registry", serve, answers))


def rendered(folder: str) -> str:
    """The registry's configuration (JSON is YAML too)."""
    return json.dumps(
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": folder}, "delete": {"enabled": True}},
            "http": {"addr": ADDRESS},
        },
        indent=2,
    )


if __name__ == "__main__":
    try:
        ensure()
    except RuntimeError as trouble:
        sys.exit(f"registry: {trouble}")
    print(f"registry: answers on {ADDRESS}")
