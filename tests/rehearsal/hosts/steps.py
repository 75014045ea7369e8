"""What the steps of the rehearsal share: how long one waits, who publishes and watches, and what is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.demo.lines import Helper
from app.demo.measure import Measurement
from app.demo.publish import ingest_address, publish
from app.demo.read import watch_address
from app.demo.sample import sample_video
from app.settings import Settings, load
from tests.rehearsal.hosts.rehearsal import SECRETS, SETTINGS, Rehearsal
from tests.stack import wait_for
from tests.viewer import Viewer

PICTURES = 100
APPEARS_WITHIN = 120.0
SETTLES_WITHIN = 120.0


@contextmanager
def told(what: str) -> Iterator[None]:
    """Says how long something took."""
    began = time.monotonic()
    yield
    print(f"\n{what}: {time.monotonic() - began:.1f} s", flush=True)


def client(rehearsal: Rehearsal) -> Settings:
    """The settings of who publishes and watches."""
    return load({**SETTINGS, **SECRETS, "MEDIA_HOST": rehearsal.address("streaming")})


@dataclass(frozen=True)
class Dubbed:
    """A stream that is published to the first streaming host, and who watches its dub there."""

    publisher: Helper
    viewer: Viewer

    def goes_on(self) -> None:
        """Waits for more pictures of the dub."""
        seen = len(self.viewer.pictures)
        wait_for("dubbed pictures", lambda: len(self.viewer.pictures) > seen + PICTURES, APPEARS_WITHIN)


@contextmanager
def dubbing(rehearsal: Rehearsal, stream: str) -> Iterator[Dubbed]:
    """It is published and watched for the time of a `with` block."""
    settings = client(rehearsal)
    viewer = Viewer(watch_address(settings, f"dub/{stream}/{settings.target_languages[0]}"))
    address, sent = ingest_address(settings, stream), Measurement().on_sent
    with publish(address, sample_video(60), sent) as publisher, viewer.watching():
        yield Dubbed(publisher, viewer)
