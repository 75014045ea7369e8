"""A clip that is joined."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.showing_a_clip import PICTURES_A_SECOND, SECONDS


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of a moving picture with B-frames, a keyframe each second."""
    file = Path(tmp_path_factory.mktemp("clip")) / "clip.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi"]
    command += ["-i", f"testsrc2=size=160x90:rate={PICTURES_A_SECOND}:duration={SECONDS}"]
    command += [
        "-c:v",
        "libx264",
        "-g",
        "10",
        "-bf",
        "2",
        "-sc_threshold",
        "0",
        "-pix_fmt",
        "yuv420p",
        str(file),
    ]
    subprocess.run(command, check=True)
    return file
