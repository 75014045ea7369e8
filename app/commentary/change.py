"""How much and how one picture differs from another: light, colours, structure, movement. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from app.commentary.frames.provider import Picture

Plane = npt.NDArray[np.float32]
Colours = npt.NDArray[np.float32]
WIDTH, HEIGHT = 64, 36
BINS = 4
MOVED = 0.06
"""Difference of brightness from which on a point counts as changed."""
EDGES = 0.02
"""Standard deviation of brightness below which a picture has no structure."""
Colour = Literal["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
HUES: tuple[tuple[float, Colour], ...] = (
    (15, "red"), (40, "orange"), (70, "yellow"), (165, "green"), (195, "cyan"), (260, "blue"),
    (295, "purple"), (335, "pink"), (360, "red"),
)  # fmt: skip
VIVID = 0.25
MOSTLY = 0.4


@dataclass(frozen=True)
class Look:
    """What of a picture is compared: brightness (HEIGHT, WIDTH) in [0, 1], shares of BINS³ colours.

    `colour` has at least MOSTLY of the picture's area, and is None where none has.
    """

    luma: Plane
    histogram: Plane
    colour: Colour | None

    @property
    def brightness(self) -> float:
        """The mean, from 0 (black) to 1 (white)."""
        return float(self.luma.mean())

    @property
    def flat(self) -> bool:
        """Whether nothing can be made out in it."""
        return float(self.luma.std()) < EDGES


@dataclass(frozen=True)
class Change:
    """How one picture differs from another, each from 0 (not at all) to 1.

    `histogram`: light and colours, wherever they are. `structure`: where light and dark are, whatever the
    light as a whole; 1 is nothing in common. `area`: the share of points that changed.
    """

    histogram: float
    structure: float
    area: float


@dataclass(frozen=True)
class Shift:
    """By how much of its width and height a whole picture moved (right and down are positive).

    `rest` is the share of what changed that the movement does not explain.
    """

    x: float
    y: float
    rest: float


@dataclass(frozen=True)
class Spot:
    """Where in the picture something changed: its middle from 0, 0 (top left) to 1, 1, and its share.

    `spread` is 1 where it is scattered over the whole picture, and near 0 where it is one small thing.
    """

    x: float
    y: float
    area: float
    spread: float


def look(picture: Picture) -> Look:
    """What of a picture is compared."""
    small = shrink(picture)
    luma = (small @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)
    bins = np.minimum((small * BINS).astype(np.int64), BINS - 1)
    index = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    counts = np.bincount(index.ravel(), minlength=BINS**3)
    return Look(luma, (counts / counts.sum()).astype(np.float32), main_colour(small))


def shrink(picture: Picture) -> Colours:
    """The picture as (HEIGHT, WIDTH, 3) in [0, 1], each point the mean of those that it stands for."""
    height, width = picture.shape[:2]
    rows, columns = np.arange(HEIGHT + 1) * height // HEIGHT, np.arange(WIDTH + 1) * width // WIDTH
    if height < HEIGHT or width < WIDTH:
        near: Colours = picture[rows[:-1]][:, columns[:-1]].astype(np.float32) / np.float32(255)
        return near
    sums = np.add.reduceat(picture, rows[:-1], axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns[:-1], axis=1)
    sizes = np.diff(rows)[:, None, None] * np.diff(columns)[None, :, None]
    means: Colours = (sums / sizes / 255).astype(np.float32)
    return means


def main_colour(small: Colours) -> Colour | None:
    """The colour that has at least MOSTLY of the area; grey, black and white are none."""
    high, low = small.max(axis=-1), small.min(axis=-1)
    spread = high - low
    vivid = (spread > VIVID * np.maximum(high, 1e-6)) & (spread > 0.12)
    if vivid.mean() < MOSTLY:
        return None
    red, green, blue = (small[..., index][vivid] for index in range(3))
    top, span = high[vivid], spread[vivid]
    hue = np.where(
        top == red,
        (green - blue) / span % 6,
        np.where(top == green, (blue - red) / span + 2, (red - green) / span + 4),
    )
    places = np.searchsorted([until for until, _ in HUES], hue * 60, side="right")
    shares: dict[Colour, float] = {}
    for place, count in zip(*np.unique(np.minimum(places, len(HUES) - 1), return_counts=True), strict=True):
        name = HUES[place][1]
        shares[name] = shares.get(name, 0.0) + count / high.size
    name, share = max(shares.items(), key=lambda item: item[1])
    return name if share >= MOSTLY else None


def change(before: Look, after: Look) -> Change:
    """How one differs from the other."""
    histogram = float(np.abs(before.histogram - after.histogram).sum() / 2)
    if before.flat and after.flat:
        structure = 0.0
    elif before.flat or after.flat:
        structure = 1.0
    else:
        structure = 1.0 - max(0.0, correlation(before.luma, after.luma))
    area = float((np.abs(before.luma - after.luma) > MOVED).mean())
    return Change(histogram, structure, area)


def correlation(one: Plane, other: Plane) -> float:
    """How much light and dark lie in the same places, from -1 to 1, whatever the light as a whole."""
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / max(float(np.sqrt((one**2).sum() * (other**2).sum())), 1e-9))


def shift(before: Look, after: Look) -> Shift:
    """The movement of the whole picture that explains most of what changed (phase correlation)."""
    window = np.outer(np.hanning(HEIGHT), np.hanning(WIDTH))
    spectra = [np.fft.rfft2((each.luma - each.brightness) * window) for each in (before, after)]
    cross = spectra[1] * np.conj(spectra[0])
    peaks = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=(HEIGHT, WIDTH))
    y, x = (int(each) for each in np.unravel_index(int(np.argmax(peaks)), peaks.shape))
    y, x = (y - HEIGHT if y > HEIGHT // 2 else y), (x - WIDTH if x > WIDTH // 2 else x)
    old = before.luma[max(0, -y) : HEIGHT - max(0, y), max(0, -x) : WIDTH - max(0, x)]
    new = after.luma[max(0, y) : HEIGHT - max(0, -y), max(0, x) : WIDTH - max(0, -x)]
    changed = float(np.abs(before.luma - after.luma).mean())
    rest = float(np.abs(old - new).mean()) / changed if changed > 1e-6 else 0.0
    return Shift(x / WIDTH, y / HEIGHT, min(1.0, rest))


def spot(before: Look, after: Look) -> Spot | None:
    """Where something changed, None where nothing did.

    The light as a whole is left out. A thing that moved changed where it was and where it is: the middle of
    both is half a step late, always, so that the steps between such middles are the thing's own.
    """
    difference = after.luma - before.luma
    changed = np.abs(difference - np.median(difference)) > MOVED
    area = float(changed.mean())
    if not changed.any():
        return None
    rows, columns = np.nonzero(changed)
    # The standard deviation of points all over a length of 1 is the root of 1/12.
    spread = min(float(columns.std()) / WIDTH, float(rows.std()) / HEIGHT) * 12**0.5
    return Spot(float(columns.mean() + 0.5) / WIDTH, float(rows.mean() + 0.5) / HEIGHT, area, spread)
