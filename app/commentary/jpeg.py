"""Pictures as JPEG files, for pages and language models."""

from __future__ import annotations

from fractions import Fraction

import av

from app.commentary.frames.provider import Picture

QUALITY = "5"
"""FFmpeg's scale: 2 is best, 31 worst."""


def jpeg(picture: Picture) -> bytes:
    """The picture as a JPEG file."""
    context = av.VideoCodecContext.create("mjpeg", "w")
    context.width, context.height = picture.shape[1], picture.shape[0]
    context.pix_fmt = "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.options = {"qmin": QUALITY, "qmax": QUALITY}
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
