"""The bundle of a release: all that the hosts of a role need to run it, but for its secrets.

Plain JSON whose name is the hash of what it says: the same services, settings and images give the same
release, and a bundle never changes. With it comes the program that brings a host to it, so that a better
program replaces no host.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app import __version__
from app.catalog import Service
from app.release.names import DATA, Role, bundle_key
from app.render.compose import compose, kept, source
from app.render.containers import SECRETS, Container

FORMAT = 1
MODELS = "models"  # the volume that speech models lie on
DIGEST = "@sha256:"
HOST_VARIABLE = "VOICESTACK_HOST"
ARCHIVE = "archive"  # the volume of those who reach the uploads
# Where a host keeps their credentials, and where their containers have them.
IDENTITY, IDENTITY_INSIDE = "/var/lib/voicestack/aws", "/run/aws"
HANDOVER_SECRET = "HANDOVER_SECRET"  # what two containers of a service have in common while they overlap
LIVEKIT_SECRET = "LIVEKIT_API_SECRET"  # what LiveKit's server and those who make its tokens have in common
# Pulled and started it may take this much longer than its services are given to get healthy, in seconds.
SLACK = 30.0


class BundleError(ValueError):
    """No bundle can be made; the message names everything that is wrong."""


@dataclass(frozen=True)
class Bundle:
    """A release for the hosts of one role: `content` belongs at `key` in the bucket."""

    role: Role
    release: str
    content: str

    @property
    def key(self) -> str:
        """Where the bundle lies in the stack's bucket, and what the role's release parameter says."""
        return bundle_key(self.role, self.release)


def build(
    role: Role,
    chosen: Iterable[Container],
    references: Mapping[str, str],
    program: Mapping[str, str],
    *,
    region: str = "",
    logs: str = "",
    models: bool = False,
    identity: str = "",
    pool: Mapping[str, Any] | None = None,
    others: Mapping[str, Iterable[Container]] | None = None,
) -> Bundle:
    """The bundle of these containers, and of those of `others` by host; `references` leads from each
    image to its reference by digest.

    `program` is what infra.hosts.program() gives. `logs` is the CloudWatch log group in `region`, empty
    where logs stay on the host; `models` says whether the settings use models that must be fetched first
    (app.speech.models.names.used). `made` are secrets that a host makes for itself, `overlaps` the services
    whose new container starts beside the old one, `identity` the role of AWS by which the archive's services
    reach its uploads, `pool` what a host has to know of speech hosts that come and go. Raises BundleError for
    an image without a digest.
    """

    def part(chosen: list[Container]) -> dict[str, Any]:
        return {
            "compose": pinned(chosen, references, region, logs, identity),
            "secrets": sorted(secrets(chosen)),
            "made": made(chosen),
            "overlaps": sorted(each.name for each in chosen if each.service.overlaps),
            "identity": identity if any(ARCHIVE in each.mounts for each in chosen) else "",
            "folders": sorted({name for each in chosen for name in each.mounts}),
            "models": next((each.name for each in chosen if models and MODELS in each.mounts), ""),
            "gpu": any(each.gpu for each in chosen),
            "within": longest([each.service for each in chosen]) + SLACK,
        }

    content = {
        "format": FORMAT,
        "version": __version__,
        "role": role,
        **part(list(chosen)),
        "program": dict(program),
        **({"pool": dict(pool)} if pool else {}),
        **({"hosts": {name: part(list(each)) for name, each in others.items()}} if others else {}),
    }
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return Bundle(role, hashlib.sha256(text.encode()).hexdigest()[:16], text)


def secrets(chosen: Iterable[Container]) -> dict[str, str]:
    """The secrets that these containers use, by the variable that each is kept under."""
    return {
        source(name): kept(name, value)
        for each in chosen
        for name, value in each.secrets.items()
        if kept(name, value)
    }


def made(chosen: Iterable[Container]) -> list[str]:
    """The secrets that a host makes for itself: nobody outside it needs them, and nobody has set them."""
    chosen = list(chosen)
    held = secrets(chosen)
    wanted = {
        HANDOVER_SECRET: any(each.service.overlaps for each in chosen),
        LIVEKIT_SECRET: any(each.name == "livekit" for each in chosen),
    }
    return [name for name, needed in wanted.items() if needed and name not in held]


def pinned(
    chosen: list[Container], references: Mapping[str, str], region: str, logs: str, identity: str
) -> dict[str, Any]:
    """The Compose file with images by digest, data on the host's volume, and logs where they are kept."""
    wrong = [
        f"image {image}: {references.get(image) or 'no reference'} is not pinned by a digest"
        for image in dict.fromkeys(each.image for each in chosen)
        if DIGEST not in references.get(image, "")
    ]
    if wrong:
        raise BundleError("\n".join(wrong))
    rendered = compose(chosen, "", "")
    own = made(chosen)
    for each in chosen:
        service = rendered["services"][each.name]
        service["image"] = references[each.image]
        if each.service.overlaps:
            service.pop("ports", None)
            service["environment"][HANDOVER_SECRET] = f"${{{HANDOVER_SECRET}}}"
        if LIVEKIT_SECRET in own and each.name in SECRETS["livekit_api_secret"] and each.service.module:
            service["environment"][LIVEKIT_SECRET] = f"${{{LIVEKIT_SECRET}}}"
        if identity and ARCHIVE in each.mounts:
            service["environment"]["AWS_CONFIG_FILE"] = f"{IDENTITY_INSIDE}/config"
            mount = {"type": "bind", "source": IDENTITY, "target": IDENTITY_INSIDE, "read_only": True}
            service["volumes"].append(mount)
        if logs:
            service["logging"] = to_cloudwatch(each.name, region, logs)
    for name in rendered["volumes"]:
        rendered["volumes"][name] = {
            "driver": "local",
            "driver_opts": {"type": "none", "o": "bind", "device": f"{DATA}/{name}"},
        }
    return rendered


def to_cloudwatch(service: str, region: str, group: str) -> dict[str, Any]:
    """Docker's own way to CloudWatch Logs: a stream for each host and service."""
    return {
        "driver": "awslogs",
        "options": {
            "awslogs-region": region,
            "awslogs-group": group,
            "awslogs-stream": f"${{{HOST_VARIABLE}}}/{service}",
            # A log that cannot be written fast enough never holds a service up.
            "mode": "non-blocking",
            "max-buffer-size": "4m",
        },
    }


def longest(services: list[Service]) -> float:
    """How long all of them may take to get healthy, in seconds: each starts after what it needs."""
    by_name = {service.name: service for service in services}

    def until(service: Service) -> float:
        before = [until(by_name[need]) for need in service.needs if need in by_name]
        return service.start_within + max(before, default=0.0)

    return max((until(service) for service in services), default=0.0)
