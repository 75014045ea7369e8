"""Test clips as they come in the field, made with ffmpeg, and what is in a recording."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from app.demo.sample import sample_video

Samples = npt.NDArray[np.float32]

RATE = 48000


NO_TIMES_YET = "unknown timestamp"


def ffmpeg(*arguments: str, tries: int = 1) -> None:
    """Runs ffmpeg; an error shows what it said.

    A client of RTSP that joins between B-frames may not know their times: with `tries` it joins again.
    """
    for left in reversed(range(tries)):
        done = subprocess.run(
            ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if NO_TIMES_YET not in done.stderr or not left:
            break
    assert done.returncode == 0, done.stderr


def make_clip(target: Path, *codecs: str, seconds: float = 20.0, scale: str = "320:180") -> Path:
    """The sample speech with a small picture, in other codecs."""
    source = sample_video(60.0)
    picture = () if "-vn" in codecs else ("-vf", f"scale={scale}")
    ffmpeg("-i", str(source), "-t", str(seconds), *picture, *codecs, str(target))
    return target


def play(clip: Path) -> list[str]:
    """ffmpeg's arguments that play a clip in real time, again and again, without touching it."""
    return ["-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy"]


def record(url: str, target: Path, seconds: float, *more: str) -> Path:
    """Writes what is published at an address to a file, not re-encoded, all its tracks; `more` are options.

    RTMP keeps the tracks' times as they are; an RTSP client guesses how they belong together.
    """
    transport = ("-rtsp_transport", "tcp") if url.startswith("rtsp") else ()
    ffmpeg(*transport, "-i", url, "-map", "0", "-c", "copy", *more, "-t", str(seconds), str(target), tries=3)
    return target


def codecs_of(clip: Path) -> list[str]:
    """The codecs of a file's tracks, in order."""
    with av.open(str(clip)) as container:
        return [stream.codec_context.name for stream in container.streams]


def picture_hashes(clip: Path) -> list[str]:
    """A hash of each decoded picture: a copied video decodes to the very same ones."""
    done = subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", str(clip), "-map", "0:v:0", "-f", "framemd5", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


def sound_of(clip: Path) -> Samples:
    """The first sound track as mono float32 at 48 kHz."""
    output = ["-map", "0:a:0", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    done = subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", str(clip), *output], capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, np.float32)


def levels(sound: Samples, window: float = 0.05) -> Samples:
    """The level in dBFS of each window (seconds)."""
    size = round(window * RATE)
    blocks = sound[: len(sound) // size * size].reshape(-1, size)
    found: Samples = (20 * np.log10(np.sqrt(np.mean(blocks**2, axis=1)) + 1e-9)).astype(np.float32)
    return found


def packet_times(clip: Path, kind: str) -> Iterator[float]:
    """The presentation times of a track's packets in seconds, in order of storage."""
    with av.open(str(clip)) as container:
        for packet in container.demux(getattr(container.streams, kind)[0]):
            if packet.pts is not None and packet.time_base is not None:
                yield float(packet.pts * packet.time_base)
