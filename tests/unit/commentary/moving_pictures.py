"""Made pictures and videos in which it is known what happens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np

from app.commentary.frames.provider import Picture

WIDTH, HEIGHT = 640, 360
RATE = 5
"""Pictures a second, as a provider gives them."""


def texture(seed: int, tint: tuple[float, float, float] = (1, 1, 1), width: int = WIDTH) -> Picture:
    """Tiles of chance brightness in one colour."""
    tiles = np.random.default_rng(seed).integers(40, 220, (HEIGHT // 40, width // 40, 1)) * np.array(tint)
    return np.kron(tiles.astype(np.uint8), np.ones((40, 40, 1), np.uint8))


RED, BLUE, GREY = texture(1, (1, 0.3, 0.3)), texture(2, (0.3, 0.5, 1)), texture(3)
BLACK = np.zeros_like(RED)


def mixed(one: Picture, other: Picture, share: float) -> Picture:
    """One picture seen through another."""
    return (one * (1 - share) + other * share).astype(np.uint8)


def lit(picture: Picture, light: float) -> Picture:
    """The picture in another light."""
    changed: Picture = np.clip(picture * light, 0, 255).astype(np.uint8)
    return changed


def with_box(picture: Picture, x: int, y: int, side: int = 40) -> Picture:
    """The picture with a white box in it, its middle there."""
    with_it = picture.copy()
    with_it[max(0, y - side // 2) : y + side // 2, max(0, x - side // 2) : x + side // 2] = 255
    return with_it


def video(path: Path, pictures: Iterable[Picture], rate: int = 25, codec: str = "libx264") -> Path:
    """A video file of these pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "g": "25"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path
