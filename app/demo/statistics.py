"""Percentiles and trends of measured series: pure functions over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_PAIRED = 600


@dataclass(frozen=True)
class Spread:
    """How a series of times in seconds is spread. `variation` is p99 - p1; all 0 where `count` is 0."""

    count: int = 0
    p1: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    highest: float = 0.0

    @property
    def variation(self) -> float:
        """Width of the middle 98 % of the series, in seconds."""
        return self.p99 - self.p1


def spread(values: Sequence[float]) -> Spread:
    """The spread of the values, in their unit; percentiles interpolate linearly."""
    if not len(values):
        return Spread()
    p1, p50, p95, p99 = (float(p) for p in np.percentile(np.asarray(values), [1, 50, 95, 99]))
    return Spread(len(values), p1, p50, p95, p99, float(np.max(values)))


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Trend of the values in their unit a second: the median slope of all pairs (Theil-Sen).

    Robust against outliers, so that one slow phrase makes no trend. 0 for fewer than two distinct
    times. Long series are thinned evenly to 600 points, which keeps the pairs few.
    """
    x, y = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
    if len(x) != len(y):
        raise ValueError(f"{len(x)} times don't belong to {len(y)} values")
    if len(x) > MOST_PAIRED:
        chosen = np.linspace(0, len(x) - 1, MOST_PAIRED).astype(int)
        x, y = x[chosen], y[chosen]
    first, second = np.triu_indices(len(x), k=1)
    runs = x[second] - x[first]
    distinct = runs != 0
    if not distinct.any():
        return 0.0
    return float(np.median((y[second] - y[first])[distinct] / runs[distinct]))


def pair_nearest(first: Sequence[float], second: Sequence[float], within: float) -> list[tuple[float, float]]:
    """Pairs each of `first` with the nearest of `second` that is at most `within` seconds away."""
    if not len(second):
        return []
    others = np.sort(np.asarray(second, dtype=float))
    pairs = []
    for one in first:
        nearest = float(others[np.argmin(np.abs(others - one))])
        if abs(nearest - one) <= within:
            pairs.append((float(one), nearest))
    return pairs
