"""Where a worker reads a stream: which protocol carries the sound tracks that are used."""

from __future__ import annotations

import pytest

from app.dubbing.service.addresses import source_url
from app.dubbing.service.watcher import Publisher
from app.dubbing.tracks import Chosen
from app.settings import load

AAC = "MPEG-4 Audio"


@pytest.mark.parametrize(
    ("tracks", "chosen", "scheme"),
    [
        (("H264", AAC), Chosen(), "rtmp"),
        (("H264", AAC), Chosen(1, 2), "rtmp"),
        (("H264", AAC, AAC), Chosen(), "rtmp"),
        (("H264", AAC, AAC), Chosen(2), "rtsp"),
        (("H264", AAC, AAC), Chosen(1, 2), "rtsp"),
        (("H264", "Opus", "Opus"), Chosen(), "rtsp"),
    ],
)
def test_rtmp_is_read_unless_it_lacks_a_track_that_is_used(
    tracks: tuple[str, ...], chosen: Chosen, scheme: str
) -> None:
    publisher = Publisher("news", 1.0, "rtspSession", tracks)
    assert source_url(load({}), "of-this-run", publisher, chosen).startswith(f"{scheme}://")
