"""Images as a pipeline releases them, for this machine's processor: good ones, and ones that are broken."""

from __future__ import annotations

import json

from app.render import images
from tests.docker.release.tiny import run
from tools.build import Version, build

RELEASED = "127.0.0.1:5000/voicestack-rehearsed"
OURS = ("app", "commentary", "media", "speech")
WORDS = "no such voice: carol"
# Everything else in the image still works: what fails is one service.
BROKEN = f'[ "$SERVICE_MODE" != dubber ] || {{ echo "{WORDS}" >&2; exit 3; }}; exec python -m app serve'


def release(tag: str, *, but: str = "") -> None:
    """Releases the images of this checkout under a tag; `but` are lines of a Dockerfile that change `app`."""
    build([images.get(name) for name in OURS], RELEASED, Version(tag), "--set", "*.platform=local")
    if but:
        name = f"{RELEASED}/voicestack/app:{tag}"
        run("docker", "buildx", "build", "--quiet", "--provenance=false", "--tag", name, "--push", "-",
            given=f"FROM {name}\n{but}\n")  # fmt: skip


def changed() -> str:
    """A change of our code: another image that does the same."""
    return "LABEL change=another"


def broken() -> str:
    """A change with which the dubber does not start."""
    return f"ENTRYPOINT {json.dumps(['/usr/bin/tini', '--', 'sh', '-c', BROKEN])}"
