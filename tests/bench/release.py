"""`python -m tests.bench.release`: what a release costs on a host: a dubber that changes, one that is broken.

Real images from the registry of this machine (`make build`), real Compose, the sample broadcast. Writes
docs/benchmarks/release.md.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from app import catalog
from app.demo.measure import Measurement
from app.demo.publish import ingest_address, publish
from app.demo.read import watch_address
from app.demo.sample import sample_video
from app.release.bundle import Bundle, build
from app.render.containers import containers
from app.settings import load
from infra.hosts import program
from infra.hosts.converge.host import ReleaseError
from tests.bench.report import machine
from tests.docker.release.conftest import Machine
from tests.docker.release.tiny import REGISTRY, run
from tests.stack import wait_for
from tests.viewer import Viewer
from tools import toolchain

RESULTS = Path(__file__).parents[2] / "docs" / "benchmarks" / "release.md"
CHANGES = {
    "another": "LABEL change=another",
    "crashing": 'ENTRYPOINT ["sh", "-c", "echo no such voice; exit 3"]',
    "ill": "HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD false",
}
APPEARS_WITHIN = 120.0
ABOUT = (
    "# A release on a host",
    "",
    "Written by `python -m tests.bench.release`: media server, sts and dubber from the images of",
    "`make build`, on one host, while the sample broadcast is dubbed and watched over RTMP. The interruption",
    "is what a viewer sees who connects again every half second: the longest time without a picture that can",
    "be decoded. The new dubber starts and fills its delay beside the old one, which publishes meanwhile; in",
    "the interruption are the change of publisher, the viewer's new connection and the wait for a keyframe,",
    "of which the sample has one a second.",
    "",
)
STREAM = "bench"


class Real:
    """The images of `make build`, and others made from that of the dubber; references by digest."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.made: dict[str, str] = {}

    def reference(self, image: str, change: str = "") -> str:
        """The reference of an image, or of one that differs from it."""
        name = f"{REGISTRY}/voicestack/{image}:{self.tag}"
        if change:
            base, name = self.reference(image), f"{REGISTRY}/voicestack-test/{image}:{change}"
            given = f"FROM {base}\n{CHANGES[change]}\n"
            run("docker", "buildx", "build", "--quiet", "--provenance=false", "--tag", name, "--push", "-",
                given=given)  # fmt: skip
        digest = json.loads(
            run("docker", "buildx", "imagetools", "inspect", name, "--format", "{{json .Manifest}}")
        )
        self.made[name] = f"{name.rpartition(':')[0]}@{digest['digest']}"
        return self.made[name]


class Host(Machine):
    """A streaming host with everything on it, and the real services."""

    real: Real

    def released(self, change: str = "") -> Bundle:
        """A release; `change` is that of the dubber's image."""
        settings = load(dict(self.ports))
        chosen = containers(catalog.select(["dubber"]), settings)
        references = {each.image: self.real.reference(each.image) for each in chosen}
        if change:
            references["app"] = self.real.reference("app", change)
        return build("streaming", chosen, references, program())


def measure(host: Host) -> dict[str, str]:
    """The figures, by their names."""
    settings = load({**host.ports})
    first = host.released()
    began = time.monotonic()
    host.bring(first)
    figures = {"first release, images there": f"{time.monotonic() - began:.0f} s"}
    measurement = Measurement()
    viewer = Viewer(watch_address(settings, f"dub/{STREAM}/es"))
    other = host.released("another")
    with ExitStack() as stack:
        publisher = stack.enter_context(
            publish(ingest_address(settings, STREAM), sample_video(60), measurement.on_sent)
        )
        stack.enter_context(viewer.watching())
        wait_for("a dubbed picture", lambda: len(viewer.pictures) > 100, APPEARS_WITHIN)
        media, seen = host.running()["media"], len(viewer.pictures)
        began = time.monotonic()
        host.bring(other)
        figures["release that changes only the dubber, to healthy"] = f"{time.monotonic() - began:.0f} s"
        wait_for("pictures again", lambda: len(viewer.pictures) > seen + 200, APPEARS_WITHIN)
        figures["dubbed stream interrupted"] = f"{viewer.longest_pause():.1f} s"
        kept = host.running()["media"] == media and publisher.running and not measurement.problem
        figures["media server and its publisher"] = "kept" if kept else f"LOST {measurement.problem}"
        for change in ("crashing", "ill"):
            broken = host.released(change)
            began = time.monotonic()
            try:
                host.bring(broken)
            except ReleaseError as problem:
                print(problem, file=sys.stderr)
            figures[f"dubber that is {change}: given up after"] = f"{time.monotonic() - began:.0f} s"
            figures[f"dubber that is {change}: dubbed stream interrupted"] = (
                f"{viewer.longest_pause(began):.1f} s"
            )
    return figures


def main() -> None:
    """Measures and writes the figures down."""
    os.environ.update(toolchain.environment(os.environ))
    tag = sys.argv[1] if len(sys.argv) > 1 else "latest"
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(folder), f"voicestack-bench{os.getpid()}", None)  # type: ignore[arg-type]
        host.real = Real(tag)
        load_words = f"Load when it began: {os.getloadavg()[0]:.1f}."
        try:
            figures = measure(host)
        finally:
            host.remove()
    lines = [f"| {name} | {value} |" for name, value in figures.items()]
    text = "\n".join(
        [*ABOUT, f"{machine().splitlines()[0]} {load_words}", "", "| | |", "|---|---|", *lines, ""]
    )
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
