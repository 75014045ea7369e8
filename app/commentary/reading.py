"""Text in a picture, by the PP-OCR models that the package rapidocr-onnxruntime carries.

Of that package the two networks alone are read; what goes in and what comes out is written out here, so that
OpenCV is not needed. Text that stands upright is read, in Latin letters and Chinese.
"""

from __future__ import annotations

import importlib.util
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from app.commentary.frames.provider import Picture
from app.speech.models import places
from app.speech.models.table import OCR
from app.speech.types import EngineMissing

GRID = 32
"""Sides of a picture are multiples of this for the network that finds text."""
CELL = 2
"""Points of its map that are looked at as one."""
TEXT, SURE = 0.3, 0.5
"""Probability from which on a point is of text, and that a whole line must have."""
GROWN, WIDER = 2.4, 1.15
"""The network marks the middle of a line: how much larger, by its area and its edge, what is read is, and how
much wider it is made. Spaces are lost where it is tighter."""
LOWEST = 6
HEIGHT = 48
WIDEST = 1600
LEGIBLE = 0.9
MOST_LINES = 8

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """A part of a picture, in its points; the ends are beyond it."""

    top: int
    bottom: int
    left: int
    right: int


class Reader:
    """The two networks, loaded when they are first used. Thread-safe."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._lock = threading.Lock()
        self._find: Any = None
        self._read: Any = None
        self._letters: list[str] = []

    def read(self, picture: Picture) -> list[str]:
        """The lines of text in it, downwards, without what is hardly legible. Raises EngineMissing."""
        with self._lock:
            if self._find is None:
                self._load()
            lines = [self._line(picture, box) for box in self._boxes(picture)[:MOST_LINES]]
        return [line for line in lines if line]

    def _load(self) -> None:
        import onnxruntime

        files = places.in_place(OCR, self._models_dir)
        if files is None:
            raise EngineMissing("text on screen can't be read: `make setup` brings the package that it takes")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # Each width of a line would be one more pattern to be kept.
        options.enable_mem_pattern = False
        self._read = onnxruntime.InferenceSession(files["read.onnx"], options)
        self._letters = ["", *self._read.get_modelmeta().custom_metadata_map["character"].splitlines(), " "]
        self._find = onnxruntime.InferenceSession(files["find.onnx"], options)

    def _boxes(self, picture: Picture) -> list[Box]:
        height, width = picture.shape[:2]
        rows, columns = (max(GRID, round(side / GRID) * GRID) for side in (height, width))
        found = run(self._find, sized(picture, columns, rows))[0, 0]
        boxes = [
            Box(
                max(0, round(box.top * height / rows)),
                min(height, round(box.bottom * height / rows)),
                max(0, round(box.left * width / columns)),
                min(width, round(box.right * width / columns)),
            )
            for box in marked(found)
        ]
        return sorted(boxes, key=lambda box: (box.top, box.left))

    def _line(self, picture: Picture, box: Box) -> str:
        part = picture[box.top : box.bottom, box.left : box.right]
        height, width = part.shape[:2]
        if min(height, width) < LOWEST:
            return ""
        wide = min(WIDEST, max(HEIGHT, round(WIDER * width * HEIGHT / height)))
        return self._spelt(run(self._read, sized(np.ascontiguousarray(part), wide, HEIGHT))[0])

    def _spelt(self, steps: Floats) -> str:
        """From each step's probabilities the letters: the same one twice in a row is one, and 0 is none."""
        letters, sure = steps.argmax(1), steps.max(1)
        new = (letters != 0) & np.concatenate([[True], letters[1:] != letters[:-1]])
        if not new.any() or float(sure[new].mean()) < LEGIBLE:
            return ""
        return "".join(self._letters[each] for each in letters[new]).strip()


def configured(models_dir: Path) -> Reader | None:
    """What reads text; None where its models or what runs them are not installed."""
    if importlib.util.find_spec("onnxruntime") is None or not places.available(OCR, models_dir):
        return None
    return Reader(models_dir)


def sized(picture: Picture, width: int, height: int) -> Picture:
    """The picture in another size."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return frame.reformat(width, height, interpolation="BILINEAR").to_ndarray().astype(np.uint8)


def run(network: Any, picture: Picture) -> Floats:
    """What a network makes of a picture: it wants blue, green, red, each from -1 to 1."""
    planes = (picture[:, :, ::-1].astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
    answer: Floats = network.run(None, {network.get_inputs()[0].name: planes})[0]
    return answer


def marked(found: Floats) -> list[Box]:
    """The lines of text in a map of probabilities."""
    rows, columns = (side // CELL for side in found.shape)
    cells = found.reshape(rows, CELL, columns, CELL).max((1, 3)) > TEXT
    boxes = []
    for cell in joined(cells):
        box = Box(*(CELL * edge for edge in (cell.top, cell.bottom, cell.left, cell.right)))
        height, width = box.bottom - box.top, box.right - box.left
        if float(found[box.top : box.bottom, box.left : box.right].mean()) < SURE:
            continue
        more = round(GROWN * height * width / (2 * (height + width)))
        boxes.append(Box(box.top - more, box.bottom + more, box.left - more, box.right + more))
    return boxes


def joined(cells: npt.NDArray[np.bool_]) -> list[Box]:
    """The parts that hang together, each with its edges."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(cells), strict=True)}
    boxes = []
    while left:
        waiting = deque([left.pop()])
        part = []
        while waiting:
            y, x = waiting.popleft()
            part.append((y, x))
            for beside in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if beside in left:
                    left.remove(beside)
                    waiting.append(beside)
        ys, xs = [y for y, _ in part], [x for _, x in part]
        boxes.append(Box(min(ys), max(ys) + 1, min(xs), max(xs) + 1))
    return boxes
