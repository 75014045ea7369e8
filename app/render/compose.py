"""The catalogue as a Compose file, for those who want Docker Compose rather than Pulumi."""

from __future__ import annotations

import json
from typing import Any

from app.catalog import VOLUMES
from app.render import images, media
from app.render.containers import LOG_OPTIONS, RESTART, Container

PROJECT = "voicestack"
SOURCES = {
    "POSTGRES_PASSWORD": "DB_PASSWORD",
    "LIVEKIT_KEYS": "LIVEKIT_API_SECRET",
    **dict.fromkeys(media.SRT_PASSPHRASES, "MEDIA_SRT_PASSPHRASE"),
}
"""What programs that are not ours call a secret, and the variable of our settings that it comes from."""


def render(containers: list[Container], registry: str, tag: str) -> str:
    """The Compose file as JSON, which is YAML too.

    Secrets are not in it: each stands there as ${VARIABLE}, which Compose reads from the environment or .env.
    """
    return json.dumps(compose(containers, registry, tag), indent=2) + "\n"


def compose(containers: list[Container], registry: str, tag: str) -> dict[str, Any]:
    """The Compose file as plain data. Images are `registry`'s; without one those of this machine."""
    used = {name for each in containers for name in each.mounts}
    configs = {
        config_name(each, path): {"content": escaped(text)}
        for each in containers
        for path, text in each.files.items()
    }
    return {
        "name": PROJECT,
        "services": {each.name: service(each, registry, tag) for each in containers},
        "volumes": {volume.name: {} for volume in VOLUMES if volume.name in used},
        **({"configs": configs} if configs else {}),
    }


def service(container: Container, registry: str, tag: str) -> dict[str, Any]:
    """One service of the Compose file."""
    grace = f"{container.service.grace:g}s"
    rendered: dict[str, Any] = {
        "image": image_name(container.image, registry, tag),
        "environment": {
            **{name: escaped(value) for name, value in container.environment.items()},
            **{name: written(name, value) for name, value in container.secrets.items()},
        },
        "volumes": [
            {"type": "volume", "source": name, "target": path} for name, path in container.mounts.items()
        ],
        "configs": [{"source": config_name(container, path), "target": path} for path in container.files],
        "tmpfs": [f"{path}:{options}" for path, options in container.tmpfs.items()],
        "ports": [
            {
                "host_ip": port.address,
                "published": str(port.number),
                "target": port.target,
                "protocol": port.protocol,
            }
            for port in container.published
        ],
        "depends_on": {name: {"condition": "service_healthy"} for name in container.needs},
        "labels": dict(container.labels),
        "healthcheck": {
            "test": ["CMD", *container.health],
            "interval": "5s",
            "timeout": "3s",
            "retries": 3,
            "start_period": f"{container.service.start_within:g}s",
        }
        if container.health
        else {},
        "devices": [],
    }
    if container.gpu:
        rendered["deploy"] = {
            "resources": {
                "reservations": {"devices": [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]}
            }
        }
    return {
        **{key: value for key, value in rendered.items() if value},
        "read_only": container.read_only,
        "mem_limit": f"{container.service.memory}m",
        "restart": RESTART,
        "stop_signal": "SIGTERM",
        "stop_grace_period": grace,
        "logging": {"driver": "json-file", "options": LOG_OPTIONS},
    }


def image_name(image: str, registry: str, tag: str) -> str:
    """The name of one of our images; of another's, such as postgres:15, its own."""
    if image not in {each.name for each in images.IMAGES}:
        return image
    return images.reference(images.get(image), registry, tag) if registry else f"voicestack/{image}:{tag}"


def config_name(container: Container, path: str) -> str:
    """What a file is called in the Compose file."""
    return f"{container.name}-{path.rsplit('/', 1)[-1].split('.', 1)[0]}"


def source(variable: str) -> str:
    """The variable of our settings that a container's secret comes from."""
    return SOURCES.get(variable, variable)


def kept(variable: str, value: str) -> str:
    """What of a container's secret is kept under `source`: of LiveKit's keys the secret, without its name."""
    return value.partition(": ")[2] if variable == "LIVEKIT_KEYS" else value


def written(variable: str, value: str) -> str:
    """A container's secret as it stands in the Compose file."""
    return escaped(value.removesuffix(kept(variable, value))) + f"${{{source(variable)}}}"


def escaped(text: str) -> str:
    """The text with every $ doubled, so that Compose takes it as it stands."""
    return text.replace("$", "$$")
