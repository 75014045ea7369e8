"""The demo's video, drawn as its script says. Made once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from app.cache import cache_dir
from app.demo.commentary.script import SIGN, Planted
from app.demo.font import GLYPHS

WIDTH, HEIGHT, RATE = 640, 360, 25
TILE = 40
THING = 60
DOT = 3
BOARD = (10, 20, 60)
TINTS = {
    "red": (1.0, 0.25, 0.25),
    "blue": (0.25, 0.4, 1.0),
    "green": (0.3, 1.0, 0.35),
    "purple": (0.7, 0.3, 1.0),
}
KEYFRAMES = 2 * RATE

Picture = npt.NDArray[np.uint8]


def video(planted: Sequence[Planted]) -> Path:
    """The video file of that script: H.264 without B-frames, which every protocol takes, no sound."""
    digest = hashlib.sha256(repr(planted).encode() + Path(__file__).read_bytes()).hexdigest()[:16]
    path = cache_dir("demo", f"commentary-{digest}.mp4")
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        with av.open(str(unfinished), "w", format="mp4") as container:
            stream: Any = container.add_stream("libx264", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.options = {"preset": "ultrafast", "g": str(KEYFRAMES), "bf": "0"}
            for picture in pictures(planted):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        os.replace(unfinished, path)
    return path


def pictures(planted: Sequence[Planted]) -> Iterator[Picture]:
    """The pictures, RATE a second."""
    scene = tiles(0, planted[0].colour)
    for number, each in enumerate(planted):
        before = scene
        if each.what in ("cut", "fade"):
            scene = tiles(number, each.colour)
        if each.what == "text":
            scene = with_text(scene, SIGN)
        for frame in range(round((each.until - each.at) * RATE)):
            share = frame / RATE / each.seconds if each.seconds else 1.0
            if share >= 1.0 or each.what == "still":
                yield scene
            elif each.what == "fade":
                yield (before * (1 - share) + scene * share).astype(np.uint8)
            else:
                yield with_thing(scene, share)


def tiles(seed: int, colour: str) -> Picture:
    """A scene: tiles of chance brightness in that colour."""
    shades = np.random.default_rng(seed).integers(60, 230, (HEIGHT // TILE, WIDTH // TILE, 1))
    small = (shades * np.array(TINTS[colour])).astype(np.uint8)
    return np.kron(small, np.ones((TILE, TILE, 1), np.uint8))


def with_text(scene: Picture, text: str) -> Picture:
    """The scene with that text in it, white on a dark board."""
    rows = np.concatenate([np.pad(GLYPHS[letter], ((2, 2), (1, 0))) for letter in text], 1)
    letters = np.kron(np.pad(rows, ((0, 0), (2, 3))), np.ones((DOT, DOT), np.bool_))
    height, width = letters.shape
    picture = scene.copy()
    top, left = HEIGHT * 2 // 3, (WIDTH - width) // 2
    board = picture[top : top + height, left : left + width]
    board[:] = BOARD
    board[letters] = 255
    return picture


def with_thing(scene: Picture, share: float) -> Picture:
    """The scene with a white thing that has come so far on its way from the left to the right."""
    picture = scene.copy()
    left, top = round(share * (WIDTH - THING)), (HEIGHT - THING) // 2
    picture[top : top + THING, left : left + THING] = 255
    return picture
