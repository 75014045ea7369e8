"""Why a transport stream is not taken in any more is told in words that people read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import av
import av.error
import pytest

from app.dubbing.intake.address import opened
from app.dubbing.intake.process import in_words
from tests.transport import offered_over_http


def test_a_stream_over_http_that_ends_is_no_fault_of_this_machine(tmp_path: Path) -> None:
    sample = tmp_path / "sample.ts"
    with av.open(str(sample), "w", format="mpegts") as made:
        sound = made.add_stream("mp2", rate=48_000)
        for _ in range(20):
            frame = av.AudioFrame(format="s16", layout="stereo", samples=1152)
            frame.sample_rate = 48_000
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            made.mux(sound.encode(frame))
        made.mux(sound.encode(None))
    with (
        offered_over_http(sample.read_bytes()) as port,
        opened(f"http://127.0.0.1:{port}/sample.ts") as source,
        pytest.raises(av.error.FFmpegError) as ended,
    ):
        for _ in source.demux():
            pass
    assert in_words(ended.value) == "the other end has ended it"


def test_other_faults_are_told_as_the_system_tells_them() -> None:
    refused = OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    assert in_words(refused) == "Connection refused"
    assert in_words(av.error.ExitError(0, "")) == "nothing comes from there any more"
