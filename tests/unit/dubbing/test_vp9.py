"""Which pictures of VP9 stand by themselves, as FFmpeg's own encoder and muxer say it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from app.dubbing import vp9
from tests.integration.dubbing.clips import ffmpeg


@pytest.mark.parametrize(("picture", "profile"), [("yuv420p", 0), ("yuv444p", 1)])
def test_a_picture_tells_itself_whether_it_is_a_key(tmp_path: Path, picture: str, profile: int) -> None:
    clip = tmp_path / "clip.webm"
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-t", "3"]
    ffmpeg(*source, "-c:v", "libvpx-vp9", "-pix_fmt", picture, "-g", "7", str(clip))
    with av.open(str(clip)) as container:
        assert container.streams.video[0].codec_context.profile == f"Profile {profile}"
        told = [
            (packet.is_keyframe, vp9.is_key(bytes(packet)[:1]))
            for packet in container.demux(video=0)
            if packet.size
        ]
    assert {known for known, _ in told} == {True, False}
    assert all(known == found for known, found in told), told


def test_what_is_no_picture_is_no_key() -> None:
    for data in (b"", b"\0", b"\x40", b"\xff"):
        assert not vp9.is_key(data)
    # Profile 3, which FFmpeg's encoder makes with deep colour alone: its reserved bit stands in between.
    assert vp9.is_key(bytes([0b1011_0000]))
    assert not vp9.is_key(bytes([0b1011_0010]))
    assert not vp9.is_key(bytes([0b1011_0100]))
