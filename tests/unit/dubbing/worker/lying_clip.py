"""Files whose sound may be of any rate and come in packets of any length."""

from __future__ import annotations

import fractions
from pathlib import Path

import av
import numpy as np

PACKETS = 5


def clip(target: Path, rate: int, samples: int, *, picture: bool = False, layout: str = "mono") -> Path:
    """Packets of that many samples of PCM at `rate` Hz, beside a moving picture where one is wanted."""
    with av.open(str(target), "w", format="nut") as container:
        sound = container.add_stream("pcm_s16le", rate=rate)
        sound.layout = layout
        if picture:
            video = container.add_stream("mpeg4", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for number in range(PACKETS):
                shade = np.full((48, 64, 3), 10 * number, np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
            container.mux(video.encode(None))
        channels = len(sound.layout.channels)
        for number in range(PACKETS):
            loud = np.full((1, samples * channels), 1000, np.int16)
            frame = av.AudioFrame.from_ndarray(loud, format="s16", layout=layout)
            frame.sample_rate, frame.time_base = rate, fractions.Fraction(1, rate)
            frame.pts = number * samples
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return target
