"""A test stream through the streaming host: published, dubbed, read back, measured."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from app import catalog
from app.demo.measure import Figures, Measurement
from app.demo.publish import ingest_address, publish
from app.demo.read import read, watch_address
from app.demo.sample import sample_video
from app.settings import Settings, load
from tests.smoke.facts import CheckFailed, Facts, said
from tests.smoke.host import Host
from tests.smoke.secret_search import secrets as plain

NAME = "smoke-test"
FIRST_PICTURE_WITHIN = 60.0
LONGEST_DELAY = {"live": 3.5, "steady": 6.0, "quality": 9.0}  # seconds, with the way there and back


@dataclass(frozen=True)
class Dubbed:
    """What came back: the figures, and how many phrases were dubbed."""

    figures: Figures
    phrases: int


def settings(host: Host, facts: Facts, address: str) -> Settings:
    """The settings of a client: where the media server is, and how it lets us in."""
    environment = dict(facts.services["dubber"]["environment"])
    kept = plain(said(host, f"cat {facts.places.run}/secrets.env")) if facts.bundle["secrets"] else {}
    published = {
        port["target"]: port["published"]
        for port in facts.services["media"]["ports"]
        if port["protocol"] == "tcp"
    }
    wanted = ("MEDIA_PUBLISH_USER", "MEDIA_READ_USER", "TARGET_LANGUAGES", "DUB_PROFILE")
    given = {name: environment[name] for name in wanted if name in environment}
    given |= {name: value for name, value in kept.items() if name.startswith("MEDIA_")}
    return load({**given, "MEDIA_HOST": address, "MEDIA_RTMP_PORT": published[1935]})


def dubbed(host: Host, facts: Facts, address: str, seconds: float) -> Dubbed:
    """Publishes the sample for so long and reads its dub. Raises CheckFailed where nothing comes back."""
    chosen = settings(host, facts, address)
    language = chosen.target_languages[0]
    measurement = Measurement()
    video = sample_video(seconds + 10)
    path = f"dub/{NAME}/{language}"
    with (
        publish(ingest_address(chosen, NAME), video, measurement.on_sent),
        read(watch_address(chosen, path), measurement.on_received, wait=FIRST_PICTURE_WITHIN),
    ):
        deadline = time.monotonic() + FIRST_PICTURE_WITHIN + seconds
        while time.monotonic() < deadline:
            if measurement.first_at is not None and time.monotonic() - measurement.first_at >= seconds:
                break
            time.sleep(0.25)
        phrases = dubbed_phrases(host, facts, language)
    figures = measurement.figures()
    if figures.pictures == 0:
        raise CheckFailed(f"no dubbed stream came back within {FIRST_PICTURE_WITHIN:g} s {figures.problem}")
    return Dubbed(figures, phrases)


def dubbed_phrases(host: Host, facts: Facts, language: str) -> int:
    """How many phrases of the test stream were dubbed, as the dubber tells on the host."""
    address = f"http://127.0.0.1:{catalog.get('dubber').port('http').number}/streams"
    streams = json.loads(
        said(host, f"docker exec {facts.container('dubber')} curl --silent --fail {address}")
    )["streams"]
    for stream in streams:
        for dub in stream["dubs"]:
            if (stream["name"], dub["language"]) == (NAME, language):
                return int(dub["counts"]["in_time"]) + int(dub["counts"]["late"])
    return 0
