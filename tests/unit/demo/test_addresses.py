"""Addresses to publish to and to watch: credentials are in them where they are configured, and escaped."""

from __future__ import annotations

from app.demo.publish import ingest_address
from app.demo.read import watch_address
from app.settings import load

LOCKED = load(
    {
        "MEDIA_PUBLISH_USER": "obs",
        "MEDIA_PUBLISH_PASSWORD": "p@ss/word&",
        "MEDIA_READ_USER": "viewer",
        "MEDIA_READ_PASSWORD": "r:d@",
    }
)
OPEN = load({})


def test_without_credentials_the_addresses_are_plain() -> None:
    assert ingest_address(OPEN, "demo") == "rtmp://127.0.0.1:1935/live/demo"
    assert watch_address(OPEN, "dub/demo/es") == "rtmp://127.0.0.1:1935/dub/demo/es"
    assert watch_address(OPEN, "dub/demo/es", "rtsp") == "rtsp://127.0.0.1:8554/dub/demo/es"


def test_credentials_are_escaped() -> None:
    assert ingest_address(LOCKED, "demo").endswith("/live/demo?user=obs&pass=p%40ss%2Fword%26")
    assert watch_address(LOCKED, "dub/demo/es").endswith("/dub/demo/es?user=viewer&pass=r%3Ad%40")
    assert watch_address(LOCKED, "dub/demo/es", "rtsp").startswith("rtsp://viewer:r%3Ad%40@127.0.0.1:8554/")
